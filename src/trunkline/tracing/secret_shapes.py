"""What keys and other secrets look like, as expressions of RE2: linear in the text, whatever the text is.

A shape is what its issuer writes, prefix first, and long enough that prose does not look so. What has no shape of its
own (a password, a key of hexadecimal digits) is known by what stands before it: ``password=``, ``"api_key": "…"``,
``Authorization:``, an address with credentials. Sources: the issuers' pages on secret scanning, and the rules of
gitleaks (https://github.com/gitleaks/gitleaks, MIT) for the lengths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

KEYS: Sequence[str] = (
    # language models and what stands around them
    r"\bsk-(?:ant|proj|or|svcacct|admin|None|lf|tl)-[A-Za-z0-9_-]{4,}",
    r"\bsk-(?:[A-Za-z0-9]{20,}|[A-Za-z_-]{0,60}[0-9][A-Za-z0-9_-]{11,}|[A-Za-z0-9_-]{12,}[0-9])[A-Za-z0-9_-]*",
    r"\bpk-(?:lf|tl)-[A-Za-z0-9_-]{4,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"api_org_[A-Za-z0-9]{20,}",
    r"\b(?:gsk|r8|fw|rnd)_[A-Za-z0-9]{20,}",
    r"\bxai-[A-Za-z0-9]{20,}",
    r"\bpplx-[A-Za-z0-9]{20,}",
    r"\bnvapi-[A-Za-z0-9_-]{20,}",
    r"\bcsk-[A-Za-z0-9]{20,}",
    r"\btgp_v1_[A-Za-z0-9_-]{20,}",
    r"\blsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}",
    r"\bls__[A-Za-z0-9]{20,}",
    r"\bpcsk_[A-Za-z0-9_]{20,}",
    r"\btvly-[A-Za-z0-9-]{16,}",
    r"\bfc-[0-9a-f]{32}",
    r"\be2b_[0-9a-f]{20,}",
    r"\bjina_[A-Za-z0-9_-]{20,}",
    r"\bwandb_v1_[A-Za-z0-9_]{20,}",
    # clouds
    r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|AIPA|ABIA|ACCA)[A-Z0-9]{12,}",
    r"\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9/+=]{16,}",
    r"\b(?:ABSK[A-Za-z0-9+/=]{20,}|bedrock-api-key-[A-Za-z0-9+/=]{16,})",
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\bya29\.[A-Za-z0-9_-]{8,}",
    r"\bGOCSPX-[A-Za-z0-9_-]{16,}",
    r"\b1//0[A-Za-z0-9_-]{30,}",
    r"\bAQ\.[A-Za-z0-9_-]{30,}",
    r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{30,}",
    r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,}",
    r"\bdo[opr]_v1_[0-9a-f]{32,}",
    r"\bHRKU-[A-Za-z0-9_-]{20,}",
    r"\bLTAI[A-Za-z0-9]{12,}",
    r"\bAKID[A-Za-z0-9]{20,}",
    r"\bdapi[0-9a-f]{32}(?:-[0-9])?",
    r"\b(?:hv[sbr]\.[A-Za-z0-9_-]{20,}|s\.[A-Za-z0-9]{24}\b)",
    r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{30,}",
    r"\bpul-[0-9a-f]{40}",
    r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{20,}",
    r"\bsb(?:p_[0-9a-f]{32,}|_secret_[A-Za-z0-9_-]{20,})",
    r"\bnfp_[A-Za-z0-9]{30,}",
    r"\b(?:fo1|fm[12][a-z]?)_[A-Za-z0-9+/=_-]{30,}",
    r"\bdp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9._-]{20,}",
    # code and packages
    r"gh[pousr]_[A-Za-z0-9]{16,}",
    r"github_pat_[A-Za-z0-9_]{16,}",
    r"\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{16,}",
    r"\bGR1348941[A-Za-z0-9_-]{16,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"\bpypi-AgE[A-Za-z0-9_-]{16,}",
    r"\brubygems_[0-9a-f]{32,}",
    r"\bcio[A-Za-z0-9]{32}\b",
    r"\boy2[a-z0-9]{43}\b",
    r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}",
    r"\bAKCp[A-Za-z0-9]{50,}",
    r"\bAT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{20,}",
    r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}",
    r"\b(?:CCIPAT|bkua)_[A-Za-z0-9_]{20,}",
    # watching and mail
    r"\b(?:ddapp|ddap)_[A-Za-z0-9]{20,}",
    r"\bpub[0-9a-f]{32}\b",
    r"\bNR(?:AK|II|JS|RA|SP)-[A-Za-z0-9-]{16,}",
    r"\bsntry[su]_[A-Za-z0-9+/=_-]{20,}",
    r"\bgl(?:sa_[A-Za-z0-9_]{20,}|c_[A-Za-z0-9+/=]{30,})",
    r"\bph[cx]_[A-Za-z0-9]{30,}",
    r"\bSG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    r"\b(?:pub)?key-[0-9a-f]{32}",
    r"\b[0-9a-f]{32}-(?:[0-9a-f]{8}-[0-9a-f]{8}|us[0-9]{1,2})\b",
    r"\bxkeysib-[A-Za-z0-9-]{40,}",
    # money
    r"\b(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{8,}",
    r"\bsk_[0-9a-f]{40,}",
    r"\bwhsec_[A-Za-z0-9+/=]{16,}",
    r"\brzp_(?:live|test)_[A-Za-z0-9]{10,}",
    r"\bshp(?:at|ca|pa|ss|tka?)_[A-Za-z0-9]{16,}",
    r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{20,}",
    r"\bEAA[A-Za-z0-9_-]{40,}",
    r"\baccess_token\$(?:production|sandbox)\$[0-9a-z]{8,}\$[0-9a-f]{16,}",
    r"\baccess-(?:sandbox|development|production)-[0-9a-f-]{36}",
    # talk, tasks, documents
    r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}",
    r"\bxapp-[0-9]-[A-Za-z0-9-]{8,}",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_+-]{8,}",
    r"discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{5,}/[A-Za-z0-9_-]{8,}",
    r"[a-z0-9-]{1,60}\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/_-]{8,}",
    r"hooks\.zapier\.com/hooks/catch/[A-Za-z0-9/]{8,}",
    r"\b[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"\bmfa\.[A-Za-z0-9_-]{20,}",
    r"\b[0-9]{8,10}:A[A-Za-z0-9_-]{32,}",
    r"\b(?:SK|AC)[0-9a-fA-F]{32}\b",
    r"\blin_(?:api|oauth)_[A-Za-z0-9]{16,}",
    r"\b(?:ntn_|secret_)[A-Za-z0-9]{30,}",
    r"\bfigd_[A-Za-z0-9_-]{20,}",
    r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    r"\bpat-(?:na|eu)[0-9]-[0-9a-f-]{36}",
    r"\b[0-9]/[0-9]{16}(?:/[0-9]{16})?:[0-9a-f]{32}",
    r"\bsl\.[A-Za-z0-9_-]{60,}",
    r"\btfp_[A-Za-z0-9_=.-]{40,}",
    # of no one issuer
    r"\beyJ[A-Za-z0-9_=-]{6,}(?:\.[A-Za-z0-9_=-]*){2,4}",
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?:[\sA-Za-z0-9+/=,:.]|-[A-Za-z0-9])*"
    r"(?:-----END [A-Z0-9 ]{0,60}-----)?",
    r"\bAGE-SECRET-KEY-1[0-9A-Za-z]{16,}",
    r"\bops_eyJ[A-Za-z0-9_=-]{20,}",
)

_NAMES = (
    r"(?:api[_.-]?key|api[_.-]?secret|api[_.-]?token|access[_.-]?key|secret[_.-]?key|account[_.-]?key|app[_.-]?key"
    r"|application[_.-]?key|private[_.-]?key|private[_.-]?key[_.-]?id|signing[_.-]?key|encryption[_.-]?key|master[_.-]?key"
    r"|client[_.-]?secret|app[_.-]?secret|shared[_.-]?secret|webhook[_.-]?secret|access[_.-]?token|auth[_.-]?token"
    r"|refresh[_.-]?token|bearer[_.-]?token|session[_.-]?token|security[_.-]?token|id[_.-]?token|bot[_.-]?token"
    r"|password|passwd|passphrase|pwd|dd[_.-]api[_.-]key|x-api-key|heroku[_.-]?(?:api[_.-]?)?key)"
)
_LOOSE = r"(?:secret|token|credentials?|signature|sig)"

IN_CONTEXT: Sequence[str] = (
    rf'(?i){_NAMES}"\s*:\s*"(?:[^"]{{4,}})',
    rf"(?i){_NAMES}'\s*:\s*'(?:[^'\"]{{4,}})",
    rf"(?i){_LOOSE}[\"']\s*:\s*[\"'](?:[A-Za-z0-9_.+/=~-]{{16,}})",
    rf"(?i){_NAMES}\s*[=:]\s*[\"']?(?:[A-Za-z]{{0,60}}[^A-Za-z\s\"'&,;<>][^\s\"'&,;<>]{{4,}}"
    r"|[^\s\"'&,;<>]{5,}[^A-Za-z\s\"'&,;<>.)][^\s\"'&,;<>]*)",
    rf"(?i){_LOOSE}\s*[=:]\s*[\"']?(?:[A-Za-z0-9_.+/=~%-]{{20,}})",
    r"(?i)authorization\"\s*:\s*\"(?:[^\"]{4,})",
    r"(?i)authorization['\"]?\s*[=:]\s*['\"]?(?:(?:Basic|Bearer|Token|Digest|ApiKey|Negotiate)\s+)?"
    r"(?:[^\s\"'<>]{6,})",
    r"(?i)\bBearer\s+(?:[A-Za-z]{0,60}[0-9._~+/=-][A-Za-z0-9._~+/=-]{7,}|[A-Za-z0-9._~+/=-]{20,})",
    r"(?i)\bBasic\s+(?:[A-Za-z0-9+/]{6,}={1,2}|[A-Za-z+/]{0,60}[0-9+/][A-Za-z0-9+/]{6,}={0,2}"
    r"|[A-Za-z0-9+/]{20,}={0,2})",
    r"(?i)\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@\"'<>]*:(?:[^\s/\"'<>]+)@",
    r"(?i)\b[a-z][a-z0-9+.-]{1,30}://(?:[0-9a-f]{32})@",
)
"""Secrets after what `BEFORE` matches; an address ends with the ``@`` that follows."""

BEFORE = re.compile(
    rb"""(?ix)
    authorization["']?\s*[=:]\s*["']?(?:(?:basic|bearer|token|digest|apikey|negotiate)\s+)?
    | (?:basic|bearer)\s+
    | [a-z][a-z0-9+.-]*://(?:[^\s:/@"'<>]*:)?
    | [a-z_.-]+["']?\s*[=:]\s*["']?
    """
)

EMAILS: Sequence[str] = (r"[\pL\pN._%+'-]+(?:@|%40)[\pL\pN-]+(?:\.[\pL\pN-]+)*\.(?:\pL{2,}|xn--[A-Za-z0-9-]+)",)

AWS = r"(?i)AKIA|ASIA|aws|secret"
"""Where this stands, 40 characters of base64 by themselves are taken for the secret of a key."""
RUN = r"[A-Za-z0-9/+=]{40,}"
