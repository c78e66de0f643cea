"""WeCom (企业微信): `{"errcode":60020,"errmsg":"not allow to access from your ip, hint: […], from ip: …"}`; the hint is the request id."""

from __future__ import annotations

from bot.patterns import lazy
from bot.platforms.spec import APP, Spec, pattern

SPEC = Spec(
    name="wecom",
    clues={
        "企业微信": 4, "企微": 4, "wecom": 4, "wework": 4, "qyapi.weixin": 5, "work.weixin": 5, "wechatpy": 4, "wechatclient": 4, "hint: [": 4, "hint:[": 4, "from ip:": 3, "wxwork": 4,
        "weixin": 3, "微信": 3, "wechat": 3, "corpid": 1, "suite_access_token": 2, "suiteid": 1, "可信ip": 3, "no privilege to access/modify": 4, "api forbidden": 1.5, "open_kfid": 3,
        "external userid": 2, "invalid corp_id": 2, "invalid credential": 1, "invalid string value": 2, "userid not found": 1.5, "more info at": 2, "bizwechat": 3, "wxbizmsgcrypt": 3,
        "not allow to access from your ip": 4, "agentid": 0.8, "invalid corpid": 1, "客户群": 2, "客户联系": 3, "外部联系人": 3, "suite_ticket": 3, "provider_access_token": 3, "owner_filter": 3, "wwlogin": 3, "微信客服": 3, "可信域名": 2, "会话存档": 3, "external_userid": 3, "企业号": 3, "corp_id": 1.5, "corpsecret": 0.5, "corp_secret": 1.5, "群机器人": 1, "应用可见范围": 1, "smartsheet": 1.5, "智能机器人": 1,
    },
    keys={"corpid": APP},
    code_keys={"errcode": 2, "errorcode": 1, "code": 0},
    siblings={("errcode", "errmsg~en"): 1.5, ("errcode", "errmsg"): 1.4},
    number=lazy(r"-?[1-9]\d{3,6}|-1"),
    patterns=(
        pattern("hint", r"\bhint ?:? ?\[(?P<request_id>[0-9A-Za-z_-]{12,60})\]"),
        pattern("-400", r"(?:ret|err(?:or)?_?code|crypt\w*|verifyurl|签名)[^\n]{0,40}?(?<![\w.-])(?P<code>-400(?:0[1-9]|1[01]))(?![\w.])"),
        pattern("hint: [", r"(?<![\d_.=])\[?(?P<code>\d{5,7})\]?[:,]? [a-z](?!\w{0,20}=)[^\n\[\]]{2,160}?, ?hint ?: ?\["),
        pattern("/query?e=", r"/devtool/query\?e=(?P<code>-?\d{4,7})"),
    ),
    id_shape=lazy(r"\d{14,26}|\d{10}_\d{1,4}_[0-9a-f]{32}"),
    id_keys=frozenset({"hint"}),
    app_shape=lazy(r"w[wx][0-9a-f]{16}"),
    brands={"qyapi.weixin.qq.com": "wecom", "open.work.weixin.qq.com": "wecom", "developer.work.weixin.qq.com": "wecom", "work.weixin.qq.com": "wecom"},
)  # fmt: skip
