"""Made-up secrets of every shape that masking knows: none was ever valid, all look as their issuers write them."""

from __future__ import annotations

import base64
import random
import string
from typing import NamedTuple

UPPER = string.ascii_uppercase + string.digits
ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "-_"
HEX = "0123456789abcdef"


class Secret(NamedTuple):
    """How a secret is written, and the parts of that which nobody may find afterwards."""

    name: str
    text: str
    parts: tuple[str, ...]


_random = random.Random(20261123)


def _some(length: int, alphabet: str = ALNUM) -> str:
    """Random, with a digit, a capital and a small letter where the alphabet has them; none at its ends is a sign."""
    while True:
        made = "".join(_random.choice(alphabet) for _ in range(length))
        kinds = [set(alphabet) & set(kind) for kind in (string.digits, string.ascii_uppercase, string.ascii_lowercase)]
        if all(not kind or set(made) & kind for kind in kinds) and made[0].isalnum() and made[-1].isalnum():
            return made


def _prefixed(name: str, prefix: str, length: int, alphabet: str = ALNUM, after: str = "") -> Secret:
    body = _some(length, alphabet)
    return Secret(name, f"{prefix}{body}{after}", (body[:12], body[-12:]))


def _within(name: str, before: str, body: str, after: str = "") -> Secret:
    return Secret(name, f"{before}{body}{after}", (body,))


def _jwt() -> Secret:
    header, claims = (
        base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        for text in ('{"alg":"HS256","typ":"JWT"}', '{"sub":"1234567890","name":"Ada"}')
    )
    signature = _some(43, URL_SAFE)
    return Secret("JWT", f"{header}.{claims}.{signature}", (signature, claims))


def _private_key(kind: str) -> Secret:
    lines = [_some(64, ALNUM + "+/") for _ in range(4)] + [_some(30) + "=="]
    body = "\n".join(lines)
    text = f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"
    return Secret(f"private key {kind}".strip(), text, tuple(lines))


_basic = base64.b64encode(b"somebody:her very own password").decode()

SECRETS = (
    _prefixed("OpenAI", "sk-", 48),
    _prefixed("OpenAI project", "sk-proj-", 120, URL_SAFE),
    _prefixed("OpenAI service account", "sk-svcacct-", 100, URL_SAFE),
    _prefixed("Anthropic", "sk-ant-api03-", 93, URL_SAFE, "AA"),
    _prefixed("OpenRouter", "sk-or-v1-", 64, HEX),
    _prefixed("DeepSeek", "sk-", 32, HEX),
    _prefixed("LiteLLM", "sk-", 22, URL_SAFE),
    _prefixed("Langfuse secret", "sk-lf-", 36, HEX + "-"),
    _prefixed("Langfuse public", "pk-lf-", 36, HEX + "-"),
    _prefixed("Trunkline secret", "sk-tl-", 36, HEX + "-"),
    _prefixed("Hugging Face", "hf_", 34),
    _prefixed("Groq", "gsk_", 52),
    _prefixed("Replicate", "r8_", 37),
    _prefixed("xAI", "xai-", 80),
    _prefixed("Perplexity", "pplx-", 48),
    _prefixed("NVIDIA", "nvapi-", 64, URL_SAFE),
    _prefixed("LangSmith", "lsv2_pt_", 32, HEX, "_0123456789"),
    _prefixed("Pinecone", "pcsk_", 60),
    _prefixed("Tavily", "tvly-", 32),
    _prefixed("AWS key id", "AKIA", 16, UPPER),
    _prefixed("AWS temporary key id", "ASIA", 16, UPPER),
    _within("AWS secret by name", "aws_secret_access_key = ", _some(40, ALNUM + "/+")),
    _within("AWS secret by itself", "AKIA" + _some(16, UPPER) + " ", _some(40)),
    _prefixed("Google API key", "AIza", 35, URL_SAFE),
    _prefixed("Google OAuth token", "ya29.", 100, URL_SAFE),
    _prefixed("Google OAuth secret", "GOCSPX-", 28, URL_SAFE),
    _within("Google service account", '{"type": "service_account", "private_key_id": "', _some(40, HEX), '"}'),
    _prefixed("GitHub personal", "ghp_", 36),
    _prefixed("GitHub OAuth", "gho_", 36),
    _prefixed("GitHub app", "ghs_", 36),
    _prefixed("GitHub fine-grained", "github_pat_", 82, ALNUM + "_"),
    _prefixed("GitLab", "glpat-", 20, URL_SAFE),
    _prefixed("Slack bot", "xoxb-123456789012-1234567890123-", 24),
    _prefixed("Slack user", "xoxp-123456789012-1234567890123-", 24),
    _prefixed("Slack app", "xapp-1-A0123456789-", 24),
    _prefixed("Slack hook", "https://hooks.slack.com/services/T01234567/B01234567/", 24),
    _prefixed("Discord hook", "https://discord.com/api/webhooks/123456789012345678/", 68, URL_SAFE),
    _prefixed("Discord bot", "MTE4NzY1NDMyMTA5ODc2NTQz.GabcdE.", 38, URL_SAFE),
    _prefixed("Telegram bot", "6123456789:AA", 33, URL_SAFE),
    _prefixed("Stripe secret", "sk_live_", 24),
    _prefixed("Stripe restricted", "rk_test_", 24),
    _prefixed("Stripe hook", "whsec_", 32),
    _prefixed("Twilio key", "SK", 32, HEX),
    _prefixed("Twilio account", "AC", 32, HEX),
    Secret("SendGrid", f"SG.{'a1B2' * 5}ab.{'c3D4' * 10}efg", ("a1B2" * 5, "c3D4" * 10)),
    _prefixed("npm", "npm_", 36),
    _prefixed("PyPI", "pypi-AgEIcHlwaS5vcmc", 120, URL_SAFE),
    _prefixed("Docker", "dckr_pat_", 27, URL_SAFE),
    _prefixed("Azure client secret", "abc8Q~", 34, ALNUM),
    _within("Azure storage", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=", _some(86, ALNUM) + "=="),
    _prefixed("DigitalOcean", "dop_v1_", 64, HEX),
    _within("Datadog", "DD_API_KEY=", _some(32, HEX)),
    _within("Heroku", "HEROKU_API_KEY=", "3c1f8a52-71d4-4a8e-9b7e-0f2d3c4b5a69"),
    _prefixed("Shopify", "shpat_", 32, HEX),
    _prefixed("Square", "sq0atp-", 22, URL_SAFE),
    _prefixed("Mailgun", "key-", 32, HEX),
    _prefixed("Mailchimp", "", 32, HEX, "-us12"),
    _prefixed("Linear", "lin_api_", 40),
    _prefixed("Notion", "ntn_", 46),
    _prefixed("Notion, older", "secret_", 43),
    _prefixed("Databricks", "dapi", 32, HEX),
    _prefixed("Vault", "hvs.", 90, URL_SAFE),
    _prefixed("age", "AGE-SECRET-KEY-1", 58, UPPER),
    _prefixed("Grafana", "glsa_", 32, ALNUM, "_1234abcd"),
    _prefixed("Sentry", "sntrys_", 60),
    _prefixed("Supabase", "sbp_", 40, HEX),
    _prefixed("Doppler", "dp.pt.", 43),
    _prefixed("Terraform", "aB3dE5fG7hI9jK.atlasv1.", 67),
    _prefixed("Atlassian", "ATATT3", 180, URL_SAFE),
    _prefixed("Figma", "figd_", 40, URL_SAFE),
    _prefixed("New Relic", "NRAK-", 27, UPPER),
    _jwt(),
    _private_key("RSA "),
    _private_key(""),
    _private_key("OPENSSH "),
    _within("PostgreSQL address", "postgres://app:", "s3cr3t-pa55", "@db.internal:5432/app"),
    _within("Redis address", "redis://:", "an0ther+pa55", "@cache:6379/0"),
    _within("MongoDB address", "mongodb+srv://root:", "pa%40ss12", "@cluster0.example.net"),
    _within("Basic header", "Authorization: Basic ", _basic),
    _within("Bearer header", "authorization: Bearer ", _some(40)),
    _within("header of an API", "x-api-key: ", _some(32, HEX)),
    _within("password by name", "password=", "hunter2!x"),
    _within("password in JSON", '{"password": "', "correct horse battery", '"}'),
    _within("key in JSON", '{"openai_api_key": "', _some(32, HEX), '"}'),
    _within("client secret in YAML", "client_secret: '", _some(30), "'"),
    _within("e-mail", "", "ada.lovelace+test@mail.example.org"),
    _within("e-mail with umlauts", "<", "jürgen.müller@büro.example", ">"),
    _within("e-mail in an address", "https://example.org/?for=", "grace%40example.org"),
)
