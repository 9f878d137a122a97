from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent._redact import redact

SECRETS = [
    "sk-proj-AbCd1234EfGh5678",
    "sk-ant-api03-AbCd1234EfGh5678",
    "gsk_AbCd1234EfGh5678IjKl",
    "hf_AbCdEfGhIjKlMnOpQrSt",
    "ghp_AbCdEfGhIjKlMnOpQrSt12345",
    "github_pat_11ABCDEFG0123456789ab_cd",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "xoxb-1234567890-abcdef",
    "sk_live_1234567890abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "SG.AbCdEfGhIjKlMnOpQrStUv.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "GOCSPX-AbCdEfGhIjKlMnOpQrStUvWx",
    "whsec_AbCdEfGhIjKlMnOpQrSt",
    "dop_v1_0123456789abcdef0123456789abcdef",
    "dckr_pat_AbCdEfGhIjKlMnOpQrSt",
    "xapp-1-A012ABCDEF-1234567890-abcdef",
    "hvs.CAESIAbCdEfGhIjKlMnOpQrSt",
    "ya29.a0AfH6SMBAbCdEfGhIjKlMnOp",
    "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQ",
    "1234567890:AAAbCdEfGhIjKlMnOpQrStUvWxYz0123456",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_are_known_by_their_form(secret: str) -> None:
    assert redact(f'the key "{secret}" was refused') == 'the key "[redacted]" was refused'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("OPENAI_API_KEY=abcd1234efgh", "OPENAI_API_KEY=[redacted]"),
        ("AWS_SECRET_ACCESS_KEY = wJalrXUtnFEMI/K7MD", "AWS_SECRET_ACCESS_KEY = [redacted]"),
        ('{"api_key": "zzzz9999zzzz"}', '{"api_key": "[redacted]"}'),
        ("x-api-key: zzzz9999zzzz", "x-api-key: [redacted]"),
        ("access_token='abc123def456'", "access_token='[redacted]'"),
        ("password=correct-horse", "password=[redacted]"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted]"),
        ("postgres://me:hunter2@db/x", "postgres://[redacted]@db/x"),
        ("https://0123456789abcdef@host/v1", "https://[redacted]@host/v1"),
        ("https://host/v1?api_key=abc&v=1#x", "https://host/v1?api_key=[redacted]&v=1#x"),
        ("https://host/v1?v=1&sig=a%2Fb", "https://host/v1?v=1&sig=[redacted]"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MD", "aws_secret_access_key = [redacted]"),
        ('{"SERVICE_KEY": "abcd1234efgh"}', '{"SERVICE_KEY": "[redacted]"}'),
        ('"token": "0123456789abcdefghijkl"', '"token": "[redacted]"'),
        ("a=b;AccountKey=AbCd1234EfGh==;c=d", "a=b;AccountKey=[redacted];c=d"),
        ("Server=db;Uid=me;Pwd=hunter2;", "Server=db;Uid=me;Pwd=[redacted];"),
        ("Authorization: Basic bWU6aHVudGVyMg==", "Authorization: Basic [redacted]"),
        ("Cookie: session=abc.def-123; a=b", "Cookie: session=[redacted]"),
        ("run --password hunter22 now", "run --password [redacted] now"),
        ("machine x login me password hunter2", "machine x login me password [redacted]"),
        (
            "https://hooks.slack.com/services/T0/B0/AbCdEfGh12",
            "https://hooks.slack.com/services/[redacted]",
        ),
        (
            "https://x.com/api/webhooks/123456789/AbCdEfGhIjKlMnOpQ",
            "https://x.com/api/webhooks/123456789/[redacted]",
        ),
        ("passphrase: correct-horse", "passphrase: [redacted]"),
        (r'"{\"password\": \"correct-horse\"}"', r'"{\"password\": \"[redacted]\"}"'),
        (r'"{\"A_TOKEN\": \"abcd1234efgh\"}"', r'"{\"A_TOKEN\": \"[redacted]\"}"'),
        ('{"Cookie": "id=abc.def-123"}', '{"Cookie": "id=[redacted]"}'),
        ('{"authorization": "Basic bWU6aHVu"}', '{"authorization": "Basic [redacted]"}'),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIE+/=\n"
            "-----END RSA PRIVATE KEY-----\nrest",
            "[redacted]\nrest",
        ),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2\n\nlQ+/=\n=aB1c\n"
            "-----END PGP PRIVATE KEY BLOCK-----\nrest",
            "[redacted]\nrest",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ cut off", "[redacted]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----\nrest",
            "[redacted]\nrest",
        ),
    ],
)
def test_what_is_assigned_to_a_telling_name_goes(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=123456789, token: something12",
        'client = OpenAI(api_key=os.environ["OPENAI_KEY_2"])',
        "commit 0123456789abcdef0123456789abcdef01234567",
        "550e8400-e29b-41d4-a716-446655440000",
        "see https://example.org/a:b/c@d and sk-learn",
        "ssh://git@example.org/x?keys=1&monkey=2",
        "bearer instruments and basic training",
        "the password: see below",
        "a cookie = 3 eggs and a == b",
        "cookie: a small cake, or key: value",
        "https://github.com/users/x and login with a password",
        "secret: the tokens of a long-and-winding-road-to-nowhere",
        "git log --token-count 7",
    ],
)
def test_prose_code_and_hashes_stay(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_go_whatever_they_look_like() -> None:
    assert redact("open sesame!", "open sesame") == "[redacted]!"
    assert redact("a cat", "a") == "a cat"


@given(st.text(alphabet=st.sampled_from("ab1:=/@ \"'.-_\nsk-key=token password://"), max_size=80))
def test_twice_is_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "password" * 8,
        "://a",
        "-----BEGIN PRIVATE KEY-----",
        "login a password",
        "cookie: a=",
        "api_key=",
        "api_key=1",
        "bearer ",
        "sk-",
        "key:" + "a" * 60,
    ],
)
def test_hostile_text_takes_no_longer(unit: str) -> None:
    text = unit * (100_000 // len(unit)) + "("
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 2


def test_of_a_secret_that_begins_as_another_nothing_is_left() -> None:
    assert redact("it is quiet-lake-99", "quiet-lake", "quiet-lake-99") == "it is [redacted]"
