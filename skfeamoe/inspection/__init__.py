"""What people look at: one decision, the gap between groups, experts and coefficients."""

from skfeamoe.inspection._coefficients import CoefficientsDisplay
from skfeamoe.inspection._coverage import CoverageDisplay
from skfeamoe.inspection._decision import DecisionDisplay
from skfeamoe.inspection._decision_plot import decision_plot
from skfeamoe.inspection._expert_usage import ExpertUsageDisplay
from skfeamoe.inspection._fairness_drift import FairnessDriftDisplay
from skfeamoe.inspection._frontier import FrontierDisplay
from skfeamoe.inspection._gap import GapExplanation, explain_gap
from skfeamoe.inspection._gap_display import GroupComparisonDisplay
from skfeamoe.inspection._prequential import PrequentialDisplay
from skfeamoe.inspection._reason_codes import Reason, ReasonCodes, reason_codes
from skfeamoe.inspection._recourse import RecourseResult, recourse
from skfeamoe.inspection._recourse_display import RecourseDisplay
from skfeamoe.inspection._regions import ExpertRegionsDisplay
from skfeamoe.inspection._routing import RoutingDisplay
from skfeamoe.inspection._shape import ShapeDisplay
from skfeamoe.inspection._views import onehot_groups

__all__ = [
    "CoefficientsDisplay",
    "CoverageDisplay",
    "DecisionDisplay",
    "ExpertRegionsDisplay",
    "ExpertUsageDisplay",
    "FairnessDriftDisplay",
    "FrontierDisplay",
    "GapExplanation",
    "GroupComparisonDisplay",
    "PrequentialDisplay",
    "Reason",
    "ReasonCodes",
    "RecourseDisplay",
    "RecourseResult",
    "RoutingDisplay",
    "ShapeDisplay",
    "decision_plot",
    "explain_gap",
    "onehot_groups",
    "reason_codes",
    "recourse",
]
