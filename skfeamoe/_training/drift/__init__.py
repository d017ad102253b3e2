"""growth="drift": what is watched for a change of the world, and the answer to an alarm.

`detector` has change detectors and what they watch, `recent` the last rows, `monitor` the
state of it all, `policy` the growth policy with its two hooks, and `replay` the learning of
rows again.
"""
