"""Secrets out of text before it is shown, logged or written.

Only what has the shape of a secret is replaced: keys with a vendor's prefix, bearer tokens, JSON
web tokens, private keys, passwords and keys in URLs, and values assigned to a name such as
``api_key``; and the keys that this process uses itself, whatever their shape. Hashes, ids and code
stay as they are, since a ledger full of holes is of no use either.
"""

from __future__ import annotations

import re

__all__ = ["REDACTED", "keep_secret", "kept_secrets", "redact"]

REDACTED = "[redacted]"

_MIN_KNOWN_LENGTH = 6
_MIN_KEPT_LENGTH = 8  # what local servers are given for a key may be as short as a name
_MAX_KEPT = 100
_kept: tuple[str, ...] = ()

# A name, then ":" or "=", then a value. Values of keys and tokens must hold a digit, which prose
# and code after "api key:" seldom do; a password may be any word.
_ASSIGNED = r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
# Followed by a bracket it is code. The counts and the possessive + keep the time linear.
_CHAR = r"[\w\-./+=~!@#%^*]"
_VALUE = rf"{_CHAR}{{8,512}}+(?![(\[]){_CHAR}*+"
_VALUE_WITH_DIGIT = rf"(?=[^\s\"']{{0,200}}\d){_VALUE}"

_NAMES = tuple(
    first + joint + second
    for first, second in (
        ("api", "key"), ("secret", "key"), ("private", "key"), ("client", "secret"),
        ("access", "token"), ("auth", "token"), ("refresh", "token"),
    )
    for joint in ("", "_", "-")
)  # fmt: skip

# Each rule runs only where one of its literals occurs: looking for forty literals takes a hundredth
# of the time that one regular expression with forty branches takes.
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (_NAMES, re.compile(rf"(?i)((?:{'|'.join(_NAMES)}){_ASSIGNED}){_VALUE_WITH_DIGIT}")),
    (
        ("password", "passwd"),
        re.compile(rf"(?i)(pass(?:word|wd){_ASSIGNED}){_VALUE}"),
    ),
    (
        ("key=", "secret=", "token=", "key:", "secret:", "token:", "key =", "token =", "secret ="),
        re.compile(rf"(\b(?:[A-Z0-9]+_)*(?:KEY|SECRET|TOKEN){_ASSIGNED}){_VALUE_WITH_DIGIT}"),
    ),
    (("bearer",), re.compile(r"(?i)(\bbearer\s{1,3})(?=\S{0,200}\d)[\w.~+/=\-]{12,}")),
    (("://",), re.compile(r"(://)[^\s/@:\"']{0,256}:[^\s/@\"']{1,256}(?=@)")),
    # Before the host without a colon it may be a mere name, if it is short.
    (("://",), re.compile(r"(://)[^\s/@:\"']{12,256}(?=@)")),
    (
        ("?", "&"),
        re.compile(
            r"(?i)([?&](?:[\w\-]{0,32}[_\-])?(?:api|access|auth)?"
            r"(?:key|token|secret|signature|sig|password|passwd)=)[^\s&#\"']+"
        ),
    ),
    (
        ("private key-----",),
        re.compile(
            r"()-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\w+/=\s\\]*"
            r"(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?"
        ),
    ),
    (("sk-",), re.compile(r"()\bsk-[\w*\-]{12,}")),
    (
        ("gsk_", "hf_", "xai-", "nvapi-", "pplx-", "csk-", "fw_", "tgp_v1_", "glpat-", "npm_",
         "pypi-", "lsv2_"),
        re.compile(
            r"()\b(?:gsk_|hf_|xai-|nvapi-|pplx-|csk-|fw_|tgp_v1_|glpat-|npm_|pypi-|lsv2_)[\w\-]{16,}"
        ),
    ),
    (
        ("ghp_", "gho_", "ghs_", "ghr_", "ghu_", "github_pat_"),
        re.compile(r"()\b(?:gh[oprsu]_|github_pat_)\w{20,}"),
    ),
    (("k_live_", "k_test_"), re.compile(r"()\b[rs]k_(?:live|test)_\w{10,}")),
    (("akia", "asia"), re.compile(r"()\bA(?:KI|SI)A[0-9A-Z]{16}\b")),
    (("aiza",), re.compile(r"()\bAIza[\w\-]{30,}")),
    (("xox",), re.compile(r"()\bxox[abeoprs]-[\w\-]{10,}")),
    (("eyj",), re.compile(r"()\beyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]{4,}")),
)  # fmt: skip


def keep_secret(secret: str) -> None:
    """Have a key that this process uses replaced from now on wherever it stands.

    One shorter than 8 characters is passed over; beyond 100 the oldest are forgotten.
    """
    global _kept
    if len(secret) >= _MIN_KEPT_LENGTH and secret not in _kept:
        _kept = (*_kept, secret)[-_MAX_KEPT:]


def kept_secrets() -> tuple[str, ...]:
    """The keys that ``redact`` replaces by themselves, for those who cache what it gave."""
    return _kept


def redact(text: str, *known: str) -> str:
    """``text`` with everything that looks like a secret replaced by ``[redacted]``.

    ``known`` are secrets to replace wherever they stand, whatever they look like; those shorter
    than 6 characters are passed over, since they would match inside ordinary words.
    """
    for secret in (*_kept, *known):
        if len(secret) >= _MIN_KNOWN_LENGTH:
            text = text.replace(secret, REDACTED)
    lowered = text.lower()
    for literals, pattern in _RULES:
        for literal in literals:
            if literal in lowered:
                text = pattern.sub(rf"\g<1>{REDACTED}", text)
                break
    return text
