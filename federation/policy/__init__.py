"""The sharing policy: which country may have which groups of which record, and under which obligations.

A policy is pure data (`load_policy`), compiled once for each version (`compile_policy`), and asked for
every record (`decide_all`; `decide` for one recipient). Deciding is a pure function: no file, no clock, no
current user. A decision carries groups, obligations and the policy's version, and can explain itself from
the very mask that made it; `diff` shows before activation what a new policy would change.

Left to others: storing decisions and feed entries (`node`), and enforcing at the receiver
(`federation.grants`). Trust: the policy is this node's own law. Whoever can change it decides what leaves,
and so nothing changes it but a file that two people stand behind.
"""

from federation.policy.classes import Classes, classify, decide_classes
from federation.policy.compile import CompiledPolicy, compile_policy
from federation.policy.decision import Decision, Obligations, Outcome
from federation.policy.diff import Change, Difference, diff
from federation.policy.evaluate import decide, decide_all, hit_groups
from federation.policy.explain import Reason
from federation.policy.letter import Example, Kind, write_letter
from federation.policy.model import Effect, Instrument, Mode, Policy, Relay, Rule, Terms, When
from federation.policy.parse import load_policy
from federation.policy.preview import Preview
from federation.policy.reading import PolicyFault, PolicyRefused
from federation.policy.relaying import Relayed, relayed

__all__ = [
    "Change",
    "Classes",
    "CompiledPolicy",
    "Decision",
    "Difference",
    "Effect",
    "Example",
    "Instrument",
    "Kind",
    "Mode",
    "Obligations",
    "Outcome",
    "Policy",
    "PolicyFault",
    "PolicyRefused",
    "Preview",
    "Reason",
    "Relay",
    "Relayed",
    "Rule",
    "Terms",
    "When",
    "classify",
    "compile_policy",
    "decide",
    "decide_all",
    "decide_classes",
    "diff",
    "hit_groups",
    "load_policy",
    "relayed",
    "write_letter",
]
