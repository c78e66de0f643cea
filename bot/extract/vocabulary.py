"""The vocabulary of refusal, in English and Chinese, as the readers need it. All patterns are linear: no nested repetition."""

from __future__ import annotations

import re
from typing import Final

_CODE_WORD = r"(?:err(?:or)?[ _-]?(?:code|no|num(?:ber)?)|errcode|errno|code|ret(?:urn)?[ _]?code|error|err|错误码|错误代码|错误编号|错误号|返回码|报错码|异常码|报错代码|错误)"
_GLUE = r"[\"'`*\s:=#(\[<>|.,是为：-]{0,8}$"
STRONG_LABEL: Final = re.compile(
    rf"(?ai)(?<![a-z_])(err(?:or)?[ _-]?(?:code|no)|errcode|errno|code|错误码|错误代码|错误编号|错误号|返回码|报错码|异常码|报错代码|报错信息[^\d\n]{{0,8}}|错误信息[^\d\n]{{0,8}}|error|err){_GLUE}"
)
LABEL: Final = re.compile(
    rf"(?ai)(?:{_CODE_WORD}|fail(?:ed|s|ure|ing)?(?: with)?|exception|denied|cryptic|returns?|returned|gives?|throws?|got|gets?|getting|hits?|hitting|\bret|\bresult|with|causes?|responded|rejected(?: with)?|失败|报错?|返回了?|出现了?|提示|异常|遇到|→|❌|\[|抛出?|得到){_GLUE}"
)
# What may follow a code that stands in a sentence: its message.
BODY: Final = re.compile(
    r"[\"'`*\]) ]{0,4}\s{0,3}[:,\-|.]?\s{0,3}[\"'`(]?(?:msg|message)?[:=\s\"'`]{0,4}[A-Za-z\u4e00-\u9fff(][^\n]{2,100}"
)
FAIL: Final = re.compile(
    r"(?ai)error|err\b|fail|exception|denied|den(?:y|ies)|forbid|unauthori[sz]ed|not[ _]?(?:found|exist)|not (?:permitted|allowed|in|ready|support\w*|match\w*|enabled|available|granted|valid|bound)|"
    r"\bno (?:dept |department |such |scope |user |folder |operation )?(?:permission|privilege|authority|access|auth|right)|permission|invalid|incorrect|illegal|expired?|missing|\bneed|"
    r"can(?:not| not|'t)|can NOT|unable|too (?:many|fast|frequent)|limit|exceed|unavailable|disabled|refus|reject|revoked|conflict|concurrency|out of|cryptic|"
    r"错误|报错|失败|异常|无权|权限|不合法|没有|没成功|不成功|没通过|不通过|无效|超|过期|不存在|禁|拒绝|未授权|未开通|限流|频繁|不支持|仅支持|不可用"
)
FAIL_WIDE: Final = re.compile(FAIL.pattern + r"|\bnot?\b|n't\b|\bnothing\b|\bnever\b|without|\bfull\b|\bbusy\b|too |wrong|bad |未|不", re.I)
FAIL_TOKEN: Final = re.compile(
    r"(?ai)error|\berr\b|fail|exception|\bpanic:|could ?n[o']t|can ?not|can't|unable|response|respond|return|getting|\bgot\b|\bgets?\b|reject|denied|due to|caused by|occurred|\bsa(?:ys?|id)\b|\bg[ai]ves?\b|\bdie[sd]\b|\bbails?\b|\bcrash|\bc[ao]mes? back\b|\banswer(?:s|ed)\b|\bthrows?\b|\bthrew\b|\bcomplain|报(?:错|了|出|[ :])|失败|返回|错误|异常|提示|trả|lỗi|エラー|에러|fehler|schlägt|zurück|erreur|renvoie|échou|errore\b|fallo|falla\b|devuelve|retorna|falha|ошибк|hata\b"
)
ASKS: Final = re.compile(
    r"(?ai)怎么解决|怎么办|怎么回事|咋回事|咋办|咋整|什么意思|什么原因|什么错|啥意思|what (?:does|is)[^\n]{0,40}(?:mean|error)|how (?:do i|to|can i) (?:fix|solve|resolve)|why (?:do|am) i"
)
# Refusal in words: enough to answer without a code when the platform is plain.
REFUSAL: Final = re.compile(
    r"(?ai)forbidden|unauthori[sz]ed|permission|denied|\b4[0-2]\d\b|\b5\d\d\b|too ?many ?requests|invalid|expired|not support|not (?:found|exist|granted|enabled|allowed)|required|rate.?limit|missing|refus|revoked|not logged in|\bno (?:\w{1,20}_)?token\b"
    r"|权限|未授权|未登录|无权|不存在|未找到|找不到|过期|失效|限流|频繁|不合法|无效|不支持|拒绝|禁止|鉴权|验签|签名|仅限"
)
_COMPLAINT = (
    r"(?i:(?:提示|弹出?|显示|报|写着|一行)[了: \"'`]{0,3}[a-z_ ]{0,40}(?:invalid|denied|forbidden|not |\bno |fail|error|expired|unauthori))"
)
# Somebody complains without saying what the platform answered.
COMPLAINT: Final = re.compile(
    r"(?ai)\b(?:stuck|stops?|stopped|breaks?|broken|dead|never|hangs?|crash\w*|drop(?:s|ped)|lost|empty|nothing|no (?:reply|response|effect|longer)|trouble|problem|issue|wrong|complain\w*|must|4\d\d|5\d\d)\b"
    r"|收不到|没反应|没响应|不回复|没回复|连不上|打不开|拿不到|用不了|挂了|卡住|没收到|不生效|无效|频控|凭证不对|不行|不对|暂不|上限|用光|用完|turned off"
)
SUCCESS: Final = re.compile(
    r"(?ai)\bHTTP/[\d.]{1,3}\s+2\d\d\b|\bstatus\W{1,4}2\d\d\b|\bsuccess(?:ful|fully)?\b|成功|完成|上线|正常|\b(?:ok|done|completed|finished|fetched|obtained|saved)\b"
)
# A report, not a description: a trace, a log line, a label with a message behind it, or words of somebody to whom it happened.
REPORT: Final = re.compile(
    r"(?am)\bTraceback \(most|^\s+at \S.{0,200}:\d|^\s*File \"[^\"\n]{1,300}\", line \d|\b20\d\d[-/][01]\d[-/][0-3]\d[ T]|\b[0-2]\d:[0-5]\d:[0-5]\d\b"
    r"|(?i:\berror[\"']?\s?[:\]=])|\b\w*(?:Error|Exception): \S|(?i:\bfailed(?::|,| with| to )|\bfailure:)|报错|失败|错误|异常|❌|(?i:\b(?:status|http|code)\W{0,3}[45]\d\d\b)|(?i:\b[45]\d\d\W{1,3}(?:client error|forbidden|unauthorized|bad request|too many requests)\b)|\bok[\"']?: ?[Ff]alse|: [45]\d\d - [A-Z]"
    rf"|{_COMPLAINT}"
)
TRACE: Final = re.compile(r"(?am)\bTraceback \(most|^\s+at \S.{0,200}:\d|^\s*File \"[^\"\n]{1,300}\", line \d")
# On lower-case text, and each alternative begins with a letter that it looks behind afterwards, so that other places are skipped at once.
TROUBLE: Final = re.compile(
    r"(?a)error\b(?![:=] ?0\b)|exception\b(?<=\wexception)|f(?<!\w.)(?<!\b0 .)ail(?:ed|ure|s)?\b(?![:=] ?0\b)|\[e\]|报错|错误|(?:失败|异常)(?![:= ]{0,2}0(?!\d))|traceback|permission denied|access denied|unauthorized|❌"
    rf"|p(?<!\w.)roblem|encountered|{_COMPLAINT}"
)
WRAPPER: Final = re.compile(
    r"(?ai)0|-1|-32\d{3}|0x0|(?-i:ERR_\w+|E[A-Z]{3,}|MCP_\w+)|(?-i:(?:HTTP|API|APP|FEISHU|LARK|DINGTALK|SLACK|WECOM|KUAISHOU|GITHUB)_[A-Z_]+)|unknown|null|none|undefined|true|false|object|error"
)
# On lower-case text.
HTTP: Final = re.compile(
    r"(?a)(?:http(?:/[\d.]{1,3})?[ :]{1,3}|status(?:[ _-]?code)?[\"']?\W{1,4}|response code: ?|error: \[|httperror |\[httperror\]:? )([1-5]\d\d)\b"
    r"|([45](?<![\w,.:].)\d\d)(?: - (?=[a-z])|[ :]{1,2}(?:client error|server error|bad request|unauthorized|forbidden|not found|too many requests|internal server error|bad gateway|service unavailable|conflict|\{|\"message\"))"
)
MASKED: Final = re.compile(
    r"(?ai)[*xX._\-<>…]+|<[^>]*>|your[_-].*|(?:request|log|trace)[_-]?id|null|none|undefined|unknown|n/a|string|object|nil|-|true|false"
)

_NEEDED = (
    r"(?:insufficient_scope|not authorized|not granted|missing|denied)[^\n]{0,80}scope="
    r"|required(?: scopes?)?|scopes? (?:is|are) required|following scopes?|need(?:s|ed)?(?: the)?(?: following)?(?: scopes?)?|missing[ _]?(?:scopes?|permissions?)?|requiredscopes?|missingscopes?"
    r"|l(?<!\w.)acks?(?: of)?|l(?<!\w.)acking|without|privileges?|permission_violations|not granted|not authori[sz]ed|invalid scopes?:|not enabled|insufficient|requires?|subject|does(?:n't| not) have|no permission(?: for)?|grant|denied for(?: scopes?)?|apply for|a(?<!\w.)dd\b"
    r"|应用身份权限|用户身份权限|所需的?[^\n\[]{0,10}权限|缺少|缺失|缺了? ?|未申请|未开通|没有|无权限?|需要|开通|申请|权限不足|权限[:：]|接口要|还要|得有"
)
NEED_LABEL: Final = re.compile(rf"(?ai){_NEEDED}")
HAVE_LABEL: Final = re.compile(
    r"(?ai)provided|granted(?: scopes?)?|accepted|requested(?: scopes?)?|current(?:ly)?(?: scopes?)?|x-oauth-scopes|acceptedscopes|already|existing|\bhas\b|token scopes|已有|已开通|已授权|已获得|当前权限|已申请"
)
# On lower-case text. What one has, and what one asks for on a command line, is not missing.
_HAD = (
    r"newly granted(?: scopes?)?|provided|granted(?<!not granted) scopes?|granted(?<!not granted)[\"']?\s?[:=]|accepted_?scopes?|x-(?:accepted-)?oauth-scopes|acceptedscopes"
    r"|requested[ _]scopes?(?! were not)|scopelist|current[ _]scopes?|only ha(?:ve|s)|permissions? granted(?: including)?|existing|already|token scopes|has scopes?|been(?<!not been) granted(?: the)?|已有|已开通|已授权|已获得|当前权限|已申请|申请了|只有(?![^\n]{0,60}才)|scope="
)
_ASKED = r"^[ \t]*(?:<@\w{1,40}>[ \t]*)?(?:[$❯>%#][ \t]+)?[\w./-]{2,40}[ \t][^\n`]{0,80}--scopes?[ =]"
SCOPE_WORD: Final = re.compile(rf"(?a){_HAD}|{_NEEDED}")
SCOPE_LABEL: Final = re.compile(rf"(?am){_ASKED}|{_HAD}|{_NEEDED}")
SCOPE_HAD: Final = re.compile(rf"(?am){_ASKED}|{_HAD}")

# The following run on lower-case text. Every alternative begins with a letter (and looks behind it afterwards), so that the engine
# skips all other places by itself.
AS_APP: Final = re.compile(
    r"(?a)a(?<!\w.)s (?:the |a )?(?:bot|app|tenant|application)\b|bot identity|app identity|tenant identity|application identity|应用 ?身份|机器人 ?身份|a(?<!\w.)pp ?身份|b(?<!\w.)ot ?身份|--as[ =](?:bot|app|tenant)\b|tenant_access_token|app_access_token"
    r"|tenant token|tenant needs|app token|xoxb|t(?<!\w.)-[\w.*-]|tenantaccesstoken|应用级|bot (?:ability|feature|capability)|useuat\W{1,6}false"
)
AS_USER: Final = re.compile(
    r"(?a)a(?<!\w.)s (?:the |a )?user\b|user(?:'s)? identity|用户 ?身份|u(?<!\w.)ser ?身份|--as[ =]user\b|user_access_token|u(?<!\w.)at\b|user token|u(?<!\w.)-[\w.*-]{3}|useraccesstoken|as_user\b|_user_get_|useuat\W{1,6}true|auth login\b|identity\W{1,3}user\b|\bpat\b|personal access token|gh auth refresh|xoxp|/authen/v\d|refresh_token"
)
APP_WORDS: Final = frozenset({"bot", "app", "tenant", "application", "tenant_access_token", "app_access_token"})

# Systems with errors of their own, some of them with our platforms' numbers. In lower case.
STRANGERS: Final = (
    "支付宝", "alipay", "公众号", "微信小程序", "微信支付", "抖音", "头条", "百度", "淘宝", "天猫", "拼多多", "京东", "小红书", "阿里云", "腾讯云", "华为云", "discord", "twilio", "stripe", "paypal",
    "telegram", "whatsapp", "tiktok", "shopify", "salesforce", " our own ", "(our own ", "我们自己的", "pinduoduo", "douyin", "xiaohongshu", "aliyuncs.", "alicloud", "amazonaws", "gitlab", "gitee.com", "bitbucket",
    "sqlstate", "sql error", "deadlock", "redis.exceptions", "redis.clients",
)  # fmt: skip
# What breaks beneath every program, and says "denied" too.
MACHINERY: Final = re.compile(
    "|".join(map(re.escape, STRANGERS))
    + r"|sqlexception|jdbc|mysql|psycopg|postgres|mongo|kafka|security_exception|is unauthorized for user \[|for table |\bnginx\b|\d#\d+:|failed \(\d{1,3}: |\[errno \d|java\.nio\.|filenotfound"
    r"|no such file|\bkubectl\b|kubernetes|\bnpm err|\bdocker\b|publickey"
)


def alike(text: str) -> str:
    """Lower case, position by position."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
