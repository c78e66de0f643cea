"""The vocabulary of refusal, in English and Chinese, as the readers need it. All patterns are linear: no nested repetition."""

from __future__ import annotations

import re
from typing import Final

from bot.patterns import lazy


def _either(*ways: str, flags: str = "ai") -> re.Pattern[str]:
    """A pattern that is one of several, written in lines that a reader can hold."""
    return lazy(f"(?{flags})" + "|".join(ways))


# ---------------------------------------------------------------- what stands before and behind a code

_CODE_WORDS = (
    r"err(?:or)?[ _-]?(?:code|no|num(?:ber)?)|errcode|errno|code|ret(?:urn)?[ _]?code|error|err",
    r"错误码|错误代码|错误编号|错误号|返回码|报错码|异常码|报错代码|错误",
)
_STRONG_WORDS = (
    r"err(?:or)?[ _-]?(?:code|no)|errcode|errno|code",
    r"错误码|错误代码|错误编号|错误号|返回码|报错码|异常码|报错代码|报错信息[^\d\n]{0,8}|错误信息[^\d\n]{0,8}",
    r"error|err",
)
_TELLING = (
    r"fail(?:ed|s|ure|ing)?(?: with)?|exception|denied|cryptic|returns?|returned|gives?|throws?|got|gets?|getting|hits?|hitting",
    r"\bret|\bresult|with|causes?|responded|rejected(?: with)?",
    r"失败|报错?|返回了?|出现了?|提示|异常|遇到|→|❌|\[|抛出?|得到",
)
_GLUE = r"[\"'`*\s:=#(\[<>|.,是为：-]{0,8}$"
STRONG_LABEL: Final = lazy(rf"(?ai)(?<![a-z_])({'|'.join(_STRONG_WORDS)}){_GLUE}")
LABEL: Final = lazy(rf"(?ai)(?:{'|'.join(_CODE_WORDS + _TELLING)}){_GLUE}")
# What may follow a code that stands in a sentence: its message.
BODY: Final = lazy(r"[\"'`*\]) ]{0,4}\s{0,3}[:,\-|.]?\s{0,3}[\"'`(]?(?:msg|message)?[:=\s\"'`]{0,4}[A-Za-z\u4e00-\u9fff(][^\n]{2,100}")

# ---------------------------------------------------------------- refusal

_FAILS = (
    r"error|err\b|fail|exception|denied|den(?:y|ies)|forbid|unauthori[sz]ed|not[ _]?(?:found|exist)",
    r"not (?:permitted|allowed|in|ready|support\w*|match\w*|enabled|available|granted|valid|bound)",
    r"\bno (?:dept |department |such |scope |user |folder |operation )?(?:permission|privilege|authority|access|auth|right)",
    r"permission|invalid|incorrect|illegal|expired?|missing|\bneed|can(?:not| not|'t)|unable|too (?:many|fast|frequent)",
    r"limit|exceed|unavailable|disabled|refus|reject|revoked|conflict|concurrency|out of|cryptic",
    r"错误|报错|失败|异常|无权|权限|不合法|没有|没成功|不成功|没通过|不通过|无效|超|过期|不存在",
    r"禁|拒绝|未授权|未开通|限流|频繁|不支持|仅支持|不可用",
)
FAIL: Final = _either(*_FAILS)
FAIL_WIDE: Final = _either(*_FAILS, r"\bnot?\b|n't\b|\bnothing\b|\bnever\b|without|\bfull\b|\bbusy\b|too |wrong|bad |未|不")
FAIL_TOKEN: Final = _either(
    r"error|\berr\b|fail|exception|\bpanic:|could ?n[o']t|can ?not|can't|unable|response|respond|return|getting|\bgot\b|\bgets?\b",
    r"reject|denied|due to|caused by|occurred|\bsa(?:ys?|id)\b|\bg[ai]ves?\b|\bdie[sd]\b|\bbails?\b|\bcrash|\bc[ao]mes? back\b",
    r"\banswer(?:s|ed)\b|\bthrows?\b|\bthrew\b|\bcomplain|报(?:错|了|出|[ :])|失败|返回|错误|异常|提示",
    r"trả|lỗi|エラー|에러|fehler|schlägt|zurück|erreur|renvoie|échou|errore\b|fallo|falla\b|devuelve|retorna|falha|ошибк|hata\b",
)
ASKS: Final = _either(
    r"怎么解决|怎么办|怎么回事|咋回事|咋办|咋整|什么意思|什么原因|什么错|啥意思",
    r"what (?:does|is)[^\n]{0,40}(?:mean|error)|how (?:do i|to|can i) (?:fix|solve|resolve)|why (?:do|am) i",
)
# Refusal in words: enough to answer without a code when the platform is plain.
REFUSAL: Final = _either(
    r"forbidden|unauthori[sz]ed|permission|denied|\b4[0-2]\d\b|\b5\d\d\b|too ?many ?requests|invalid|expired|not support",
    r"not (?:found|exist|granted|enabled|allowed)|required|rate.?limit|missing|refus|revoked|not logged in|\bno (?:\w{1,20}_)?token\b",
    r"权限|未授权|未登录|无权|不存在|未找到|找不到|过期|失效|限流|频繁|不合法|无效|不支持|拒绝|禁止|鉴权|验签|签名|仅限",
)
# Somebody complains without saying what the platform answered.
COMPLAINT: Final = _either(
    r"\b(?:stuck|stops?|stopped|breaks?|broken|dead|never|hangs?|crash\w*|drop(?:s|ped)|lost|empty|nothing|turned off|wrong)\b",
    r"\b(?:no (?:reply|response|effect|longer)|trouble|problem|issue|complain\w*|must|4\d\d|5\d\d)\b",
    r"收不到|没反应|没响应|不回复|没回复|连不上|打不开|拿不到|用不了|挂了|卡住|没收到|不生效|无效|频控|凭证不对|不行|不对|暂不|上限|用光|用完",
)
SUCCESS: Final = _either(
    r"\bHTTP/[\d.]{1,3}\s+2\d\d\b|\bstatus\W{1,4}2\d\d\b|\bsuccess(?:ful|fully)?\b|成功|完成|上线|正常",
    r"\b(?:ok|done|completed|finished|fetched|obtained|saved)\b",
)
TRACE: Final = _either(r"\bTraceback \(most|^\s+at \S.{0,200}:\d|^\s*File \"[^\"\n]{1,300}\", line \d", flags="am")
# On lower-case text, and each way begins with a letter that it looks behind afterwards, so that other places are skipped at once.
TROUBLE: Final = _either(
    r"error\b(?![:=] ?0\b)|exception\b(?<=\wexception)|f(?<!\w.)(?<!\b0 .)ail(?:ed|ure|s)?\b(?![:=] ?0\b)|\[e\]",
    r"报错|错误|(?:失败|异常)(?![:= ]{0,2}0(?!\d))|traceback|permission denied|access denied|unauthorized|❌|p(?<!\w.)roblem|encountered",
    r"(?:提示|弹出?|显示|报|写着|一行)[了: \"'`]{0,3}[a-z_ ]{0,40}(?:invalid|denied|forbidden|not |\bno |fail|error|expired|unauthori)",
    flags="a",
)

# ---------------------------------------------------------------- values that are none, and HTTP

WRAPPER: Final = _either(
    r"0|-1|-32\d{3}|0x0|(?-i:ERR_\w+|E[A-Z]{3,}|MCP_\w+)|unknown|null|none|undefined|true|false|object|error",
    r"(?-i:(?:HTTP|API|APP|FEISHU|LARK|DINGTALK|SLACK|WECOM|KUAISHOU|GITHUB)_[A-Z_]+)",
)
MASKED: Final = _either(
    r"[*xX._\-<>…]+|<[^>]*>|your[_-].*|(?:request|log|trace)[_-]?id|null|none|undefined|unknown|n/a|string|object|nil|-|true|false"
)
_STATUS_WORDS = (
    r"client error|server error|bad request|unauthorized|forbidden|not found|too many requests|internal server error|bad gateway",
    r"service unavailable|conflict|\{|\"message\"",
)
# On lower-case text.
HTTP: Final = _either(
    r"(?:http(?:/[\d.]{1,3})?[ :]{1,3}|status(?:[ _-]?code)?[\"']?\W{1,4}|response code: ?|error: \[|httperror |\[httperror\]:? )([1-5]\d\d)\b",
    rf"([45](?<![\w,.:].)\d\d)(?: - (?=[a-z])|[ :]{{1,2}}(?:{'|'.join(_STATUS_WORDS)}))",
    flags="a",
)

# ---------------------------------------------------------------- scopes: what is missing, and what one has or asks for (lower case)

_NEEDED = (
    r"(?:insufficient_scope|not authorized|not granted|missing|denied)[^\n]{0,80}scope=",
    r"required(?: scopes?)?|scopes? (?:is|are) required|following scopes?|need(?:s|ed)?(?: the)?(?: following)?(?: scopes?)?",
    r"missing[ _]?(?:scopes?|permissions?)?|requiredscopes?|missingscopes?|l(?<!\w.)acks?(?: of)?|l(?<!\w.)acking|without|privileges?",
    r"permission_violations|not granted|not authori[sz]ed|invalid scopes?:|not enabled|insufficient|requires?|subject",
    r"does(?:n't| not) have|no permission(?: for)?|grant|denied for(?: scopes?)?|apply for|a(?<!\w.)dd\b",
    r"应用身份权限|用户身份权限|所需的?[^\n\[]{0,10}权限|缺少|缺失|缺了? ?|未申请|未开通|没有|无权限?|需要|开通|申请|权限不足|权限[:：]|接口要|还要|得有",
)
HAVE_LABEL: Final = _either(
    r"provided|granted(?: scopes?)?|accepted|requested(?: scopes?)?|current(?:ly)?(?: scopes?)?|x-oauth-scopes|acceptedscopes",
    r"already|existing|\bhas\b|token scopes|已有|已开通|已授权|已获得|当前权限|已申请",
)
_HAD = (
    r"newly granted(?: scopes?)?|provided|granted(?<!not granted) scopes?|granted(?<!not granted)[\"']?\s?[:=]|accepted_?scopes?",
    r"x-(?:accepted-)?oauth-scopes|acceptedscopes|requested[ _]scopes?(?! were not)|scopelist|current[ _]scopes?|only ha(?:ve|s)",
    r"permissions? granted(?: including)?|existing|already|token scopes|has scopes?|been(?<!not been) granted(?: the)?",
    r"已有|已开通|已授权|已获得|当前权限|已申请|申请了|只有(?![^\n]{0,60}才)|scope=",
)
_ASKED = r"^[ \t]*(?:<@\w{1,40}>[ \t]*)?(?:[$❯>%#][ \t]+)?[\w./-]{2,40}[ \t][^\n`]{0,80}--scopes?[ =]"
SCOPE_WORD: Final = _either(*_HAD, *_NEEDED, flags="a")
SCOPE_LABEL: Final = _either(_ASKED, *_HAD, *_NEEDED, flags="am")
SCOPE_HAD: Final = _either(_ASKED, *_HAD, flags="am")

# ---------------------------------------------------------------- as whom (lower case; every way begins with a letter, so that other places are skipped)

AS_APP: Final = _either(
    r"a(?<!\w.)s (?:the |a )?(?:bot|app|tenant|application)\b|(?:bot|app|tenant|application) identity|应用 ?身份|机器人 ?身份",
    r"a(?<!\w.)pp ?身份|b(?<!\w.)ot ?身份|--as[ =](?:bot|app|tenant)\b|tenant_access_token|app_access_token|tenant token|tenant needs",
    r"app token|xoxb|t(?<!\w.)-[\w.*-]|tenantaccesstoken|应用级|bot (?:ability|feature|capability)|useuat\W{1,6}false",
    flags="a",
)
AS_USER: Final = _either(
    r"a(?<!\w.)s (?:the |a )?user\b|user(?:'s)? identity|用户 ?身份|u(?<!\w.)ser ?身份|--as[ =]user\b|user_access_token|u(?<!\w.)at\b",
    r"user token|u(?<!\w.)-[\w.*-]{3}|useraccesstoken|as_user\b|_user_get_|useuat\W{1,6}true|auth login\b|identity\W{1,3}user\b",
    r"\bpat\b|personal access token|gh auth refresh|xoxp|/authen/v\d|refresh_token",
    flags="a",
)
APP_WORDS: Final = frozenset({"bot", "app", "tenant", "application", "tenant_access_token", "app_access_token"})

# Systems with errors of their own, some of them with our platforms' numbers. In lower case.
STRANGERS: Final = (
    "支付宝", "alipay", "公众号", "微信小程序", "微信支付", "抖音", "头条", "百度", "淘宝", "天猫", "拼多多", "京东", "小红书", "阿里云", "腾讯云", "华为云", "discord", "twilio", "stripe", "paypal",
    "telegram", "whatsapp", "tiktok", "shopify", "salesforce", " our own ", "(our own ", "我们自己的", "pinduoduo", "douyin", "xiaohongshu", "aliyuncs.", "alicloud", "amazonaws", "gitlab", "gitee.com", "bitbucket",
    "sqlstate", "sql error", "deadlock", "redis.exceptions", "redis.clients",
)  # fmt: skip
# What breaks beneath every program, and says "denied" too.
MACHINERY: Final = _either(
    *map(re.escape, STRANGERS),
    r"sqlexception|jdbc|mysql|psycopg|postgres|mongo|kafka|security_exception|is unauthorized for user \[|for table |\bnginx\b|\d#\d+:|failed \(\d{1,3}: |\[errno \d|java\.nio\.|filenotfound",
    r"no such file|\bkubectl\b|kubernetes|\bnpm err|\bdocker\b|publickey",
    flags="a",
)


def alike(text: str) -> str:
    """Lower case, position by position."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
