"""Outcomes that only some people show: who is granted to learn, and who waits."""

from skfeamoe._feedback.exploration import EXPLORE, Exploration, uniforms
from skfeamoe._feedback.waiting import Decisions, Waiting

__all__ = ["EXPLORE", "Decisions", "Exploration", "Waiting", "uniforms"]
