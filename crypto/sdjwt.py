"""Selective disclosure (SD-JWT, RFC 9901) without key binding: sign once, show each reader some groups.

`issue` makes the token and its disclosures, `present` joins the token with those that a reader may have,
`verify` checks everything about a token from outside, `reopen` reads what was verified before and kept.

    <issuer-signed JWT>~<disclosure>~...~<disclosure>~

The work is in the modules beside this one: `sdjwt_form` (the wire form), `sdjwt_issue`, `sdjwt_open` (what a
signed payload and its disclosures say together), `sdjwt_verify` (the steps from bytes to that).
"""

from crypto.sdjwt_form import MAX_DEPTH, MAX_DISCLOSURES, MAX_TOKEN_BYTES, jwt_hash, present
from crypto.sdjwt_issue import Issued, issue
from crypto.sdjwt_open import Opened
from crypto.sdjwt_verify import reopen, verify

__all__ = [
    "MAX_DEPTH",
    "MAX_DISCLOSURES",
    "MAX_TOKEN_BYTES",
    "Issued",
    "Opened",
    "issue",
    "jwt_hash",
    "present",
    "reopen",
    "verify",
]
