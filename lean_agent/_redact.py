"""Secrets out of text before it is shown, logged or written.

Only what has the shape of a secret is replaced: keys with a vendor's prefix, bearer tokens, JSON
web tokens, private keys, passwords and keys in URLs, and values assigned to a name such as
``api_key``; and the keys that this process uses itself, whatever their shape. Hashes, ids and code
stay as they are, since a ledger full of holes is of no use either.
"""

from __future__ import annotations

import os
import re

__all__ = ["REDACTED", "environment_secrets", "keep_secret", "kept_secrets", "redact"]

REDACTED = "[redacted]"

_MIN_KNOWN_LENGTH = 6
_MIN_KEPT_LENGTH = 8  # what local servers are given for a key may be as short as a name
_MAX_KEPT = 100
_SECRET_VARIABLES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_kept: tuple[str, ...] = ()

# A name, then ":" or "=", then a value. Values of keys and tokens must hold a digit, which prose
# and code after "api key:" seldom do; a password may be any word.
_QUOTE = r"(?:\\{0,3}[\"'])?"  # also as in JSON that stands in JSON
_ASSIGNED = rf"{_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE}"
# Followed by a bracket it is code. The counts and the possessive + keep the time linear.
_CHAR = r"[\w\-./+=~!@#%^*]"
_VALUE = rf"{_CHAR}{{8,512}}+(?![(\[]){_CHAR}*+"
_VALUE_WITH_DIGIT = rf"(?=[^\s\"']{{0,200}}\d){_VALUE}"

_NAMES = tuple(
    first + joint + second
    for first, second in (
        ("api", "key"), ("secret", "key"), ("private", "key"), ("client", "secret"),
        ("access", "token"), ("auth", "token"), ("refresh", "token"), ("session", "token"),
        ("access", "key"), ("account", "key"),
    )
    for joint in ("", "_", "-")
)  # fmt: skip


def _assigned(*names: str) -> tuple[str, ...]:
    return tuple(name + sign for name in names for sign in ("=", ":", " =", '":', "':", '\\":'))


# Each rule runs only where one of its literals occurs: looking for forty literals takes a hundredth
# of the time that one regular expression with forty branches takes.
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (_NAMES, re.compile(rf"(?i)((?:{'|'.join(_NAMES)}){_ASSIGNED}){_VALUE_WITH_DIGIT}")),
    (
        ("password", "passwd", "passphrase"),
        re.compile(rf"(?i)(pass(?:word|wd|phrase){_ASSIGNED}){_VALUE}"),
    ),
    (
        ("--pass", "--token", "--secret"),
        re.compile(rf"(?i)(--(?:password|token|secret)\s{{1,3}}){_CHAR}{{6,512}}+"),
    ),
    (
        ("login",),  # as in .netrc
        re.compile(r"(?i)(\blogin\s{1,9}\S{1,64}\s{1,9}password\s{1,9})\S{1,256}"),
    ),
    ((";pwd=", "; pwd="), re.compile(r"(?i)(;\s?pwd=)[^;\s\"']{1,256}")),
    (
        _assigned("token", "secret"),  # alone, where what follows is longer than a word
        re.compile(
            rf"(?i)(\b(?:token|secret){_ASSIGNED})(?=[^\s\"']{{20}}){_VALUE_WITH_DIGIT}"
        ),
    ),
    (
        _assigned("key", "token", "secret"),
        re.compile(rf"(\b(?:[A-Z0-9]+_)*(?:KEY|SECRET|TOKEN){_ASSIGNED}){_VALUE_WITH_DIGIT}"),
    ),
    (
        ("authorization",),
        re.compile(
            rf"(?i)(\bauthorization{_ASSIGNED}(?:basic|token|apikey)\s)"
            r"[\w.~+/=\-:]{6,}"
        ),
    ),
    (
        ("cookie",),
        re.compile(rf"(?i)(\bcookie{_ASSIGNED}[^\s=;\"']{{1,64}}=)[^\r\n\"'\\]{{6,4096}}"),
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
        ("private key-----", "private key block-----"),
        re.compile(
            r"()-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
            # Whole, whatever its header says; else as far as it looks like one.
            r"(?:(?:(?!-----)[\s\S]){0,16384}-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
            r"|[\w+/=\s\\]*)"
        ),
    ),
    (("sk-",), re.compile(r"()\bsk-[\w*\-]{12,}")),
    (
        ("gsk_", "hf_", "xai-", "nvapi-", "pplx-", "csk-", "fw_", "tgp_v1_", "glpat-", "npm_",
         "pypi-", "lsv2_", "gocspx-", "whsec_", "dop_v1_", "dckr_pat_", "xapp-",
         "age-secret-key-", "hvs.", "ya29."),
        re.compile(
            r"()\b(?:gsk_|hf_|xai-|nvapi-|pplx-|csk-|fw_|tgp_v1_|glpat-|npm_|pypi-|lsv2_|GOCSPX-"
            r"|whsec_|dop_v1_|dckr_pat_|xapp-|AGE-SECRET-KEY-|hvs\.|ya29\.)[\w\-]{16,}"
        ),
    ),
    (
        ("ghp_", "gho_", "ghs_", "ghr_", "ghu_", "github_pat_"),
        re.compile(r"()\b(?:gh[oprsu]_|github_pat_)\w{20,}"),
    ),
    (("k_live_", "k_test_"), re.compile(r"()\b[rs]k_(?:live|test)_\w{10,}")),
    (("akia", "asia"), re.compile(r"()\bA(?:KI|SI)A[0-9A-Z]{16}\b")),
    (("sg.",), re.compile(r"()\bSG\.[\w\-]{16,}\.[\w\-]{16,}")),
    (("hooks.slack.com",), re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/]{16,}")),
    (("/api/webhooks/",), re.compile(r"(/api/webhooks/\d{6,24}/)[\w\-]{16,}")),
    ((":aa",), re.compile(r"()\b\d{8,10}:AA[\w\-]{30,}")),
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


def environment_secrets() -> list[str]:
    """What this process was given in variables that are named as keys, tokens and passwords are."""
    return [text for name, text in os.environ.items() if name.endswith(_SECRET_VARIABLES)]


def redact(text: str, *known: str) -> str:
    """``text`` with everything that looks like a secret replaced by ``[redacted]``.

    ``known`` are secrets to replace wherever they stand, whatever they look like; those shorter
    than 6 characters are passed over, since they would match inside ordinary words.
    """
    # The longest first: one may be how another begins.
    for secret in sorted((*_kept, *known), key=len, reverse=True):
        if len(secret) >= _MIN_KNOWN_LENGTH:
            text = text.replace(secret, REDACTED)
    lowered = text.lower()
    for literals, pattern in _RULES:
        for literal in literals:
            if literal in lowered:
                text = pattern.sub(rf"\g<1>{REDACTED}", text)
                break
    return text
