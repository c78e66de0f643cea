"""What only looks like an error: source code, documentation talk, plans, success."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice

from bot.extract.scan import line_of
from bot.extract.vocabulary import FAIL_WIDE, TRACE

# One line of a programming language, a shell script or a test. Lines of tracebacks match too: they carry no error themselves.
_CODE_LINE = re.compile(
    r"""(?x)
    (?<!=)[=!]==(?!=)|[=!]=\s?(?:["'](?=[\w{$'"-])|\d)|\$\{|\$\(|&&|\|\||\+=|::\s*new\b|=>\s*[{(](?!["']|\s?\w+:\s?["'\d])|=>\s*(?!Array|Object|stdClass|string|int|float|bool)[A-Z]\w*(?:::\w+)*[({]|:=\s|\w\s?<-\s
    | </?(?:tr|td|th|li)\b|^\+(?![\d\s])|^\s*[A-Z]\w+\s+[A-Z]\w*\s*=\s*-?\d{4,10}\s*$
    | \bnew\s*(?:\w+\s*)?\[\]|^\s*(["'])[^"'\n]{2,80}\1\s*\{|^\s*\{\s*(?:name|desc(?:ription)?|title|label|input|case)\s*:\s*["'`].{0,300}\}\s*,?\s*$
    | \.(?:includes|startsWith|endsWith|indexOf|equals|contains|has|get|json|then|catch|reply|respondWith|thenReturn|willReturn|mock\w*|to(?:Equal|Be|Contain|Match|Throw|Have)\w*|status|send)\(
    | \b(?:new\s+(?:Error|Set|Map)|frozenset|set|assert\w*|expect|describe|it|test|pytest|mock\w*|jest|println?|printf|console\.\w+|logger\.\w+|logging\.\w+|log\.\w+)\s*\(
    | ^\s*(?:if|elif|else\s+if|while|switch|for|foreach)\s*\(?.{0,200}[:{)]\s*$
    | ^\s*(?:if|elif|unless)\s.{1,200}\b(?:==|!=|in|not\s+in|is)\s
    | ^\s*(?:\}\s*)?(?:catch|except)\b.{0,100}[:{]\s*$
    | ^\s*case\s+["'\w].{0,300}:\s*(?:$|return|//|\w+\()
    | ^\s*(?:return|throw|raise|yield)\b(?!\s+code)\s+[\w(\["'{`!]
    | ^\s*(?:export\s+)?(?:const|let|var|val)\s+(?:mut\s+)?(?:\w+\s*(?::[^=\n]{1,60})?=|[{\[(]|\w+\s*;)
    | ^\s*(?:export\s+)?(?:default\s+)?(?:def|func|fn|function)\s+(?:\(|\w+\s*[(<]|\w+\s*$)
    | ^\s*(?:export\s+)?(?:abstract\s+)?(?:enum|struct|class|interface|trait|object)\s+\w+(?:[({<]|[\w\s<>,.:()]{0,80}[{:]\s*$)
    | ^\s*(?:static|final|public|private|protected|internal|override)\s+[\w<>\[\], .]{1,80}(?:\w\(|\s=\s|;\s*$|\{\s*$)
    | ^\s*(?:export\s+)?type\s+\w+\s*(?:=|struct\b|interface\b|<)
    | ^\s*(?:import|from|package|using)\s+(?:[{*("'<]|(?:static\s+|type\s+)?[\w./@-]+\s*(?:[;,=]|as\b|import\b|from\b|$))
    | ^\s*\#(?:include|define)\s
    | ^\s*(?:async\s+)?function\b|^\s*@\w+(?:\(|$)
    | ^\s*_?[A-Z][A-Z0-9_]{3,}(?:\s*:\s*\w[\w\[\]]{0,60})?\s*=\s*(?:["'({\[%]|[\w.]+\()
    | ^\s*(?:\w+\.)+(?!(?i:(?:err|error|sub|status|result)?_?code|errno|error|status|msg|message)\s=\s-?[\w.]+\s*$)\w+\s=\s(?!b?["']\{)
    | ^\s*(?://|\#|--|\*\s)\s*\d{4,10}\s*[:=\-\u4e00-\u9fff]
    | ^\s*\((?:\s*["'`]?[^,()\n]{1,60}["'`]?\s*,){2,6}[^()\n]{1,60}\)\s*[,;]\s*$
    | \b(?:INSERT\s+INTO|SELECT\s.{1,200}\sFROM|UPDATE\s+\w+\s+SET|VALUES\s*\()
    | ^\s*[A-Z]\w*(?:\s+\w+)?\s*=\s*-?\d{4,10}\s*[,;]
    | ^\s*(?!(?:err|code|sub_?code|msg|message|status)\w{0,8}=)(?:[a-z_]\w*|self\.\w+)\s*=\s*(?:\{(?!\w+=)|\[|\(|frozenset|set|dict|\w+\.)
    | ^\s*["'`]?[\w.]+["'`]?\s*(?::|=>|=|->)\s*(?:Cause|ErrorKind|Reason|Category|[A-Z]\w+)\.[A-Z_]\w+
    | ^\s*["'`]?-?\d{1,10}["'`]?\s*(?::|=>)\s*[A-Za-z_][\w.]*\s*,\s*(?:(?://|\#).*)?$
    | ^\s*[A-Z][A-Z0-9_]{2,40}\s?\(\s*["'\d]
    | ^\s*["'`]?-?\d{4,10}["'`]?\s*(?::|=>)\s*["'`{\[(].{0,200},\s*(?:(?://|\#).*)?$
    | \{\w+=~?"[^"\n]{0,200}"[^}\n]{0,200}\}\[\d+[smhd]\]
    | =>\s*[A-Z]\w*::\w+,?\s*$ | ^\s*\#\[\w | ^\s*[A-Z]\w*(?:\([^)\n]{0,80}\))?,\s*//\s | ^\s*(?:await\s+)?[a-z_]\w*(?:\.\w+){1,4}\(\s*["'`{]
    | ^\S*::test_\w|\bPASSED\s+\[
    | ^[a-z]\w*\{(?:\w+="[^"\n]{0,200}",?){1,12}\}\s-?[\d.]+
    | ^\s*(?:curl|export|echo|grep|sed|awk|wget|http|python3?|node|npm|git)\s.{0,300}\s-{0,2}(?:[A-Za-z]|["'$])
    """,
    re.M,
)
# A trace or a log line is no source code, whatever it quotes.
_LOG_LINE = re.compile(
    r"(?ai)^\W{0,4}\d{2,4}[-:/]\d\d|^\s*(?:#|//)\s?(?:[=-]>|→|>)\s|(?-i:\b(?:ERROR|WARN(?:ING)?|FATAL|CRITICAL|INFO|DEBUG)\b(?!\s?=\s))|\[(?:error|err|warn|warning|e|w)\]|HTTP/[\d.]{1,3}\" \d{3} |responded with|Traceback|报错|返回"
    r"|[\w.]*(?:Error|Exception)\b:? [^=]{4}|->\s*\{\w+@\d+\}|[\u4e00-\u9fff] ?:? ?\{"
)
_FIXTURE = re.compile(
    r"(?aim)(?:(?<!:)//|#|/\*|<!--|\*)\s*[^\n]{0,80}\b(?:fixtures?|mock(?:ed|s)?|stub(?:bed|s)?|test case|unit test|sample data|dummy)\b"
    r"|@pytest\.|\bfunc Test\w*\(|\bhttptest\.|\btesting\.[TB]\b|@Test\b|\[(?:Fact|Theory|Test(?:Method|Case)?)\b[^\]\n]{0,80}\]\s*$|\bAssert\.\w+\(|\b(?:describe|it|test)\(['\"`]|\bdef test_|\bassert\w*\(|\bassert(?:Equal|That|Raises)\b|^\s*assert\s|\bexpect\(|\bmock(?:Resolved|Rejected|Return)\w*|(?://|#)\s*(?:测试|示例|样例|模拟)"
    r"|\b(?:return_value|side_effect)\s*=|^\s*-\s+alert:|^msgid \"|^\s*(?:retry|ignore|skip|give_up|alert)[-_]on\s*:|\"(?:openapi|swagger|examples?)\"\s*:|^(?:openapi|swagger): ?[\"']?[23]"
)
_FAILED_TEST = re.compile(r"^E {2,}\S", re.M)
# In lower case: at least one of them stands in whatever `_FIXTURE` finds.
_FIXTURE_WORDS = (
    "pytest.", "func test", "httptest.", "testing.", "@test", "fixture", "mock", "stub", "test case", "unit test", "sample data", "dummy", "describe(", "it(", "test(", "def test_", "assert", "expect(",
    "[fact", "[theory", "[test", "alert:", "msgid", "on:", "测试", "示例", "样例", "模拟", "return_value", "side_effect", 'openapi"', "openapi:", "swagger:", 'swagger"', 'example"', 'examples"',
)  # fmt: skip
# What a reporter's own mark looks like in a comment.
_CRY = re.compile(r"❌|✗|×|!!!")
# A rule about an error: said of every time, so nobody's own case.
_RULE = re.compile(
    r"(?ai)(?:如果|假如|若|一旦|如遇)(?>[^\n。]{0,60}?(?:返回|提示|抛出|收到|出现|报错?))[^\n。]{0,160}?(?:说明|表示|代表|意味着|就是|则)|遇到?[^\n,。]{2,40}就(?!报|返回|提示|失败|出错|卡|不|没|挂)[^\n,。]{1,20}|会自动(?:重试|降速|退避|刷新|续期|跳过|处理|恢复)|自动(?:退避|重试|降级|切换)(?!了|[^\n]{0,24}(?:还是|仍|依然|失败|没用|报))"
    r"|(?m:^\#{1,4}\s*\[?v?\d+\.\d+\.\d+|^\W{0,4}[vV]?\d+\.\d+(?:\.\d+)?版?本? {0,2}(?:更新|发布|版本|升级|上线|[Rr]elease|[-:] ?(?:Added|Changed|Fixed|Removed)\b))|更新说明|更新日志|发布说明|版本说明"
    r"|\bif\b(?>[^.\n]{0,80}?\b(?:returns?|answers?|reports?|shows?|says?)\b)[^\n]{0,160}?\b(?:it means|means|then the|this means)\b"
)
_PLEA = re.compile(r"(?ai)怎么|为什么|求助|帮忙|请教|什么原因|\?|？|\bhelp\b(?! text| page| cent|desk| article| menu)|\bwhy\b")
# Talk about errors by somebody who has none: changes, plans, documentation, tables.
# On lower-case text. Grouped by how an alternative may begin, so that most places are passed over at once.
_TALK = re.compile(
    r"""(?amx)
    ^(?:
        \s*(?:args|returns|raises|parameters|attributes|examples?|see\ also|usage|@param|:param|:raises)\b[^\n]{0,40}:?\s*$
      | \s*[-*>#\s]{0,6}(?:[0-9a-f]{7,40}\s)?(?:
            (?:fix|feat|docs?|chore|refactor|test|tests|ci|build|perf|style|revert)(?:\([^)\n]{0,60}\))?!?:\s
          | (?:annotate|document|describe(?!\ the\ (?:bug|issue|problem|error))|rename|bump|refactor|translate|map|treat|handle|classify|support|catch|ignore|retry\ on|update|improve|implement|introduce
              |extend|cover)s?\s
          | (?:clos|fix|resolv|add)(?:e|es|ed|s)?\b(?!\ the\ following|[^\n]*(?:code[\ :=]|fail|err(?:or)?[:=]|失败|报错))
        )
      | \s*[pm]r:\s
      | \s*(?:[$>]\s)?git\ (?:log|diff|show|blame)\b
      | \#{1,6}\s*(?:错误码|error\ code)\s*[\w.]+\s*$(?=\s*[*_]{0,2}(?:原因|含义|说明|cause|meaning))
      | \s*[-*]?\s*将[^\n]{0,80}(?:分开|改为|映射|归一|区分|透传)
    )
    | \b(?:
        changelog(?![:/.]\w)|release\ notes?|(?<!through\ a\ )pull\ request(?!\ (?:is\ not|create\ failed|cannot|could\ not|merge\ failed))|readme(?!\.)|faq|cheat\ ?sheet|runbook|unit\ tests?|test\ cases?|follow-?up\ task|roadmap|spec\ says
      | typically|usually|commonly|most\ often|means?\b(?!\ the\ .{0,40}\?)|(?<!this\ )indicates?\b(?!\ the\ .{0,40}\?)|stands\ for\b(?!\ the\ .{0,40}\?)
      | fixed\ it|works\ now|solved|(?:retry|attempt)\ succeeded|succeeded\ (?:after|on)\ [^\n]{0,12}(?:retr|attempt)\w*|never\ mind|the\ fix\ is|plan(?:ning)?\ to|let'?s|next\ (?:sprint|week|release)|todo\b:
      | (?:possible|known|common|typical)\ errors?
      | if\b[^.\n]{0,60}\b(?:fails?|errors|refuses|rejects|is\ (?:denied|rejected|refused|revoked|removed))
      | if\ (?!i\b|we\b|you\ are\ (?:a|the)\ developer\b)[^.\n]{0,60}\b(?:returns?|answers|responds\ with|throws|raises|gets?|reports?)\b[^.\n]{0,60},\s
      | if\ you\ (?:see|get|receive|encounter|run\ into|hit)
      | (?:if|when|in\ case\ of)\ (?:encountering|seeing|getting|facing|receiving)
      | when\ (?:you|an?|the\ (?:limit|quota|token))\b[^.\n]{0,60},\ (?:the\ )?\w+\ (?:answers|returns|responds|replies)
      | your\ (?:client|app|code)\ (?:should|must|needs\ to|has\ to)
      | when\b[^.\n]{0,80}\b(?:encounters|hits|gets|receives|sees)
      | (?:whoever|anyone\ who|anybody\ who|people\ who|those\ who)\ (?:gets?|sees?|hits?)
      | (?:you|users?|clients?|callers?)\ (?:may|might|will|can|could|would)\ (?:also\ )?(?:see|get|receive|encounter|hit)
      | (?:it|now)\ (?:now\ )?automatically\ [a-z]+s
      | is\ (?:now\ )?(?:reported|shown|surfaced|mapped|treated|handled)\ (?:to|as)
      | (?:is|are)\ returned\ (?:when|if)
      | (?:this|the)\ pr\b
      | (?:section|chapter|table|entry|page)s?\ (?:in|of|on)\ (?:the|our|this)\ \w+
      | not\ (?:listed|documented|mentioned)\ in\ (?:the\ |our\ |your\ )?(?:reference|docs?|documentation|guide|readme|table|page)
      | (?:error|status)\ codes?\ (?:table|list|reference|mapping|enum|constants?|are|include)
      | should\ (?:we|i|be\ (?:return|map|treat|handl|report|surfac|caught|retri|ignor|shown)\w*|return|map|treat|handle)
      | (?<!do\ )(?<!should\ )we\ (?:should|could|plan|will|want\ to|need\ to)
      | in\ (?:the|our)\ docs
      | (?:docs?|documentation|readme|spec)\ (?:lists?|says?|mentions?|describes?|explains?)
      | (?:api|endpoint|server|method|call|slack|lark|feishu|it|which|that)\ (?:also\ )?(?:returns|throws|responds\ with|raises|answers|reports)\b[^\n]{0,80}\b(?:when|if|unless|for(?!\ (?:an?|the|this|my|our)\b)|until)
    )(?:\b|(?<=[\s:]))
    | \"{3}
    | `[\w./:]{3,60}`\ (?:returns|answers|throws|gives|raises)\ `
    | ^\s*(?:nit|stand-?up|lgtm):|\blgtm\b|\bcan\ we\ rename\b|建议[把将]|已经?下线|关掉了|修好了|关单|已关闭
    | ^\s*(?:closed|resolved|done)\b|\bclosed\ as\b|\btranslations?\b|\b(?:could|can)\ you\ (?:please\ )?review\b|\breview\ note|投票|截止|文案|分工
    | \breviewer\ note|\btable\ in\ docs?/|\bplease\ (?:drop|rename|remove|sort)\b
    | \bnow\ maps?\ to\b|用例\ ?\d|测试用例|手册第|那篇|帮助文档(?:写|里|中)|补充了[^\n。]{0,60}(?:说明|文档)|验收(?:标准|条件)
    | 重试[^\n,。没不未]{0,6}成功|会自动|排查方法[:：]?\s|原(?:实现|逻辑)|误判[为成]|[仅只]在[^\n。]{0,60}时[,，]|即使[^\n。]{0,60}也返回|搞定了|(?:已经|都|现在)好了(?!吗|没)|解决了(?!吗|没)|已解决
    | (?:回头|稍后|晚点)(?:再)?(?:补|写|加|整理)|补(?:到|进)|写(?:到|进|个|一篇|一下)|写入(?:文档|手册|笔记|wiki|readme|faq)|补充(?:一条|说明|文档|到|单测|测试|用例)|翻译|整理(?:到|成|一下|了)|章节|文档里|文档中|文档说|写了?文档|更新文档
    | 速查|培训|错误码(?:表|列表|说明|对照|文档|处理|映射|大全|的?含义|规范)|评审|周会(?!的)|排期|计划|下个?版本|下周|明天(?![^\n,。]{0,8}[吗么?])|已经?(?:修复|解决|处理好|搞定)
    | (?:修复|优化|新增|支持|兼容|处理|适配|重构|完善|增加|梳理)(?:了|对)?[^\n,。,;]{0,24}(?:逻辑|场景|提示|错误码|用例|分支|功能|文案|机制|流程|判断|兜底|分类|单测|测试)
    | (?:当|如果|若|假如|一旦)[^\n。]{0,40}(?:时|的话|则|会|就)[^\n。]{0,30}(?:返回|提示|抛出|收到|出现|报)
    | (?<!\d)\d{4,}[^\n]{0,20}(?:表示|代表|意味着|是指|指的是|意思是)|一般是|通常是|通常由|是不是应该|建议(?:支持|增加|提供)|能不能(?=[^\n]{0,12}(?:支持|增加|加个|加上|提供|做成|改成|出个))|是否支持
    """
)
_EXPERIENCE = re.compile(
    r"(?ai)\b(?<!can )(?<!could )(?<!should )(?<!may )(?:i'?m|i am|i|we|we'?re) (?:\w+ ){0,2}(?:get|getting|got|see|seeing|saw|receiv\w+|have|running|hitting|hit|facing|encounter\w*|trying|stuck|keep)\b|\bi have got\b|\bhelp\b(?! (?:text|page|cent|desk|article|menu))"
    r"|(?m:^[ \t]{0,8}(?:error|fatal)(?: \d{3})?: \S)|\b(?:now|still|keeps?|always|suddenly) (?:getting|gets?|fail\w*|return\w*|report\w*)|\bfails? with\b|\bfailed with\b|报错|求助|帮忙(?! ?(?:review|润色|翻译|改|补|写|整理|审|校))|遇到|请教|怎么解决|怎么办|什么(?:原因|情况|问题)|依旧|还是(?:报|返回|提示)|一直(?:报|返回|提示)|(?:全部|都|开始|老是|一直)失败|挂了|用不了|连不上|失败[^\n]{0,8}错误码|(?:直接|总是|老是|每次都?)(?:提示|弹|返回)|出现[^\n]{0,20}错误|调用失败|请求失败"
)
_TABLE_ROW = re.compile(r"^\s*[+-]?\s*\|(?:[^|\n]{0,400}\|){2,}\s*$", re.M)
# A code with its message in one cell, what only an answer has beside it, or a call and its status or time: somebody's result. In a list of codes each code has a cell to itself.
_RESULT_CELL = re.compile(
    r"(?<![\d.])\d{4,10}[ :,]{1,3}[A-Za-z\u4e00-\u9fff][^|\n]{3,200}\||\b(?:needed|provided|log_?id|request_?id)\b[^|\n]{3,200}\|"
    r"|[\w-]/[\w./:{}-]{4,200}[ \t`]*\|[ \t]*[45]\d\d[ \t]*\||\b(?:GET|POST|PUT|PATCH|DELETE) /[^|\n]{3,200}\||\|[^|\n]+\|[ \t]*[45]\d\d[ \t]*\|[ \t]*\d{4,10}[ \t]*\||\d\d:\d\d:\d\d[.\d]*[ \t]*\||\|[ \t]*(?:[Ff]alse|FALSE|[Ff]ail(?:ed)?|FAIL(?:ED)?|失败|❌|✗)[ \t]*\|"
)
# How the columns of a table of results are headed, as ours or with the fields of an answer, and those of a table that explains codes.
_RESULTS = re.compile(
    r"(?i)\|[ \t]*(?:results?|outcome|steps?|cases?|attempt|time|when|结果|步骤|用例|时间|次数|实际|实际返回|报错|log_?id|request_?id|trace_?id)[ \t]*\|"
)
_RAW_FIELDS = re.compile(
    r"(?i)^\s*\|(?!\s*(?:err|code|http|status|错误|状态|返回))[^|\n]{1,40}\|\s*(?:code|errcode|错误码|返回码)\s*\|\s*(?:msg|message|errmsg|报错)\s*\|"
)
_MEANINGS = re.compile(r"(?i)meaning|description|cause|action|what to|how to|\bfix\b|advice|含义|说明|原因|处理|建议|解决|排查|描述|负责")
_MOST_ROWS = 40
# The value of a variable as a debugger or a log shows it, on one line.
_SHOWN_VALUE = re.compile(r"^\s*[a-z_]\w*\s?=\s?\{\s*[\"'].*\}\s*$")
# The same, opened on a line and closed further down.
_OPENED_VALUE = re.compile(r"[a-z_]\w*\s?=\s?\{[ \t]*$", re.M)
_BULLET_CODE = re.compile(
    r"^\s*(?:[-*+•]|\d+[.)])\s+[*`\"]{0,3}(?:错误码\s*)?[A-Za-z_.]*-?\d{4,10}[`*\"]{0,3}\s*[:\-(|=\u4e00-\u9fff]", re.M
)
# A map from codes to their meanings.
_MAP_LINE = re.compile(
    r"^[ \t]*(?:[\"']-?(?=(\d{4,10}))\d+[\"'][ \t]*(?::|=>|=)|[a-z]\w*(?:\.[\w-]+){0,4}\.(?=(\d{4,10}))\d+[ \t]*=)[ \t]*\S", re.M
)
# The same without quotes, under a comment or a key.
_MAP_BLOCK = re.compile(r"^[ \t]*(?:#[^\n]*|[\w-]{1,40}:[ \t]*)\n(?:[ \t]+[A-Z]?-?\d{3,10}:[ \t][^\n]+(?:\n|$)){2,}", re.M)
_DATA = ('{"', "{'", "[{")  # how a line of data begins
# `lark: { per_minute: 1000, per_second: 50, code: 99991400 }`
_SETTING = re.compile(r"\b[a-z]\w{1,40}: {0,4}[{\d]")
# Codes in a row, each with a few words: `99991661 没带 token、99991671 前缀不对、99991677 过期`.
_ROW_OF_CODES = re.compile(r"(?:\d{4,10}\s?[^\d\n、;,]{2,24}[、;,]\s?){2}\d{4,10}\s?[^\d\n、;,]{2,24}")
# A comment, a lone string, a lone bracket: what it is depends on the lines around it.
_LEANING_LINE = re.compile(r"^[ \t]*(?:(?://|\#|\*|--)[ \t].{0,400}|\$?[\"'`][^\"'`\n]{0,200}[\"'`],?|[{}()\[\];,]{0,4})[ \t]*$")
_LEANING_REACH = 6
_FRAME = re.compile(r"[ \t]*File \"[^\"\n]{1,300}\", line \d")
_OPENS_LITERAL = re.compile(r"\b(?:return|yield|throw)$")
_ROW_SIGN = r"[\"'`*]{0,3} {0,2}(?:[/,|、]|or|and|和|或|与) {0,2}[\"'`*]{0,3}"
_LISTED_BEFORE = re.compile(rf"\d{{4,10}}{_ROW_SIGN}(?:[A-Z]{{3,8}})?$|\[ ?(?:-?\d{{1,10}}, ?){{1,8}}-?$")
_LISTED_AFTER = re.compile(rf"{_ROW_SIGN}(?:[A-Z]{{3,8}})?\d{{4,10}}(?![\d:/-])|, ?(?:-?\d{{1,10}}, ?){{0,8}}-?\d{{1,10}} ?\]")
# `retry-on: 45009` of a configuration file.
_SETTING_BEFORE = re.compile(
    r"(?i)(?:retry|ignore|skip|except(?!ion)|allow|silence|mute|expect)\w{0,12}[-_]?(?:on|codes?|errors?|list|for)?[\"']?\s?[:=]\s?$"
)


class Doubt:
    """Asked about places of one plain text; everything is judged at most once, and only when somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[int, bool] = {}
        self._told: dict[int, bool] = {}
        self._literals: dict[int, bool] = {}

    @cached_property
    def _lower(self) -> str:
        return self._text.lower()

    @cached_property
    def _maps(self) -> list[tuple[int, int]]:
        """Where maps from codes to their meanings stand."""
        return [found.span() for found in islice(_MAP_BLOCK.finditer(self._text), _MOST_ROWS)]

    @cached_property
    def fixture(self) -> bool:
        """Whether the text is a test or a specification that holds an error as its example."""
        if not any(each in self._lower for each in _FIXTURE_WORDS) or _FIXTURE.search(self._text) is None:
            return False
        return _FAILED_TEST.search(self._text) is None  # what pytest shows of a test that failed

    @cached_property
    def talk(self) -> bool:
        """Whether somebody talks about errors without having one."""
        if _RULE.search(self._text) is not None and _PLEA.search(self._text) is None:
            return True
        talk = _TALK.search(self._lower)
        if talk is None or (talk[0] == '"""' and TRACE.search(self._text)):  # a trace of another process is quoted so
            return False
        return _EXPERIENCE.search(self._text) is None

    @cached_property
    def listing(self) -> bool:
        """Whether the text is a list of codes with their meanings."""
        return (
            len(_BULLET_CODE.findall(self._text)) >= 2
            or len(set(_MAP_LINE.findall(self._text))) >= 2
            or _ROW_OF_CODES.search(self._text) is not None
        )

    def source(self, at: int) -> bool:
        """Whether the place stands in source code, a shell command or a table of the documentation."""
        begin = self._text.rfind("\n", 0, at) + 1
        if at - begin > 400 and self._text[begin : begin + 2] in _DATA:
            return False
        if at - begin > 400:  # a very long line is judged piece by piece, each piece once
            start = max(begin, (at & ~511) - 200)
            return self._line(start, min(start + 912, len(self._text)))
        if any(start <= at < end for start, end in self._maps):
            return True
        start, end = line_of(self._text, at)
        if self._told_in_cells(start, end):
            return False
        return self._line(start, end) or (self._neighbour(start - 1) and self._neighbour(end + 1)) or self._leans(start, end)

    def result(self, at: int) -> bool:
        """Whether the place stands in a table's row that tells how a call ended."""
        return self._told_in_cells(*line_of(self._text, at))

    def _told_in_cells(self, start: int, end: int) -> bool:
        if self._text.find("|", start, end) < 0:
            return False
        known = self._told.get(start)
        if known is None:
            known = self._told[start] = _RESULT_CELL.search(self._text, start, end) is not None or self._under_results(start)
        return known

    def _under_results(self, start: int) -> bool:
        """Whether the first row of the table that a line belongs to heads a list of results, not of meanings."""
        for _ in range(_MOST_ROWS):
            above = line_of(self._text, start - 1) if start else (0, 0)
            if self._text.find("|", *above) < 0:
                break
            start = above[0]
        head = self._text[slice(*line_of(self._text, start))]
        return (_RESULTS.search(head) or _RAW_FIELDS.search(head)) is not None and _MEANINGS.search(head) is None

    def literal(self, opening: int) -> bool:
        """Whether a bracket opens a value written in source code."""
        known = self._literals.get(opening)
        if known is None:
            head = self._text[max(0, opening - 200) : opening].rpartition("\n")[2].rstrip()
            opens = head.endswith(("=", "(", ",", "=>")) or _OPENS_LITERAL.search(head, max(0, len(head) - 7)) is not None
            shown = opens and (self._lone_value(opening) or self._quoted_by_trace(opening))
            known = self._literals[opening] = opens and not shown and self.source(opening)
        return known

    def _lone_value(self, opening: int) -> bool:
        """Whether a bracket opens the value of a variable, and nothing else in the text is source code: what a debugger shows."""
        start = self._text.rfind("\n", 0, opening) + 1
        return _OPENED_VALUE.match(self._text, start) is not None and self._source_lines == 1

    def _quoted_by_trace(self, opening: int) -> bool:
        """Whether a bracket stands on a line of source code that a trace quotes: the line that closes it is not quoted."""
        start = self._text.rfind("\n", 0, opening)
        return start >= 0 and _FRAME.match(self._text, line_of(self._text, start - 1)[0]) is not None

    def _leans(self, start: int, end: int) -> bool:
        """Whether the line is a comment or a lone string beside source code."""
        line = self._text[start:end]
        if _LEANING_LINE.match(line) is None or _LOG_LINE.search(line) is not None or _CRY.search(line) is not None:
            return False
        return self._leaned_on(start, up=True) or self._leaned_on(end, up=False)

    def _leaned_on(self, at: int, *, up: bool) -> bool:
        for _ in range(_LEANING_REACH):
            at = at - 1 if up else at + 1
            if not 0 <= at < len(self._text):
                return False
            start, end = line_of(self._text, at)
            if self._line(start, end):
                return True
            if _LEANING_LINE.match(self._text[start:end]) is None:
                return False
            at = start if up else end
        return False

    def _line(self, start: int, end: int) -> bool:
        known = self._lines.get(start)
        if known is None:
            line = self._text[start:end]
            if line.lstrip()[:2] in _DATA:
                self._lines[start] = False  # data, however long
                return False
            known = _LOG_LINE.search(line) is None and (_CODE_LINE.search(line) is not None or _lists(line))
            known = known and not (_SHOWN_VALUE.match(line) is not None and self._logged_above(start))
            self._lines[start] = known
        return known

    def _logged_above(self, start: int) -> bool:
        """Whether the line above is one of a log or a trace."""
        return start > 0 and _LOG_LINE.search(self._text, *line_of(self._text, start - 1)) is not None

    def _neighbour(self, at: int) -> bool:
        if not 0 <= at < len(self._text):
            return False
        return self._line(*line_of(self._text, at))

    def mostly_source(self) -> bool:
        """Whether a quarter of the lines are source code."""
        return self._source_lines * 4 >= max(5, len(self._begin))

    @cached_property
    def _begin(self) -> list[str]:
        return [line[:600] for line in self._text[:20_000].split("\n") if line.strip()]

    @cached_property
    def _source_lines(self) -> int:
        return sum(_CODE_LINE.search(line) is not None and _LOG_LINE.search(line) is None for line in self._begin)

    def enumerated(self, start: int, end: int) -> bool:
        """Whether the number is one of several in a row: a list of codes, not an error."""
        return (
            _LISTED_AFTER.match(self._text, end) is not None
            or _LISTED_BEFORE.search(self._text, max(0, start - 24), start) is not None
            or _SETTING_BEFORE.search(self._text, max(0, start - 48), start) is not None
        )


def _lists(line: str) -> bool:
    """Whether a line is a row of a table of codes, or of settings."""
    if _TABLE_ROW.match(line) is not None:
        return True
    return len(_SETTING.findall(line)) >= 3 and FAIL_WIDE.search(line) is None
