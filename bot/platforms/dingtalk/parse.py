"""DingTalk: the new API answers words (`Forbidden.AccessDenied…`, `requestid`), the old one numbers (`errcode`, `sub_code`)."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import APP, CODE, MESSAGE, NEED, REQUEST_ID, Spec, pattern

SPEC = Spec(
    name="dingtalk",
    clues={
        "dingtalk": 4, "钉钉": 4, "ding talk error": 4, "dingding": 3, "x-acs-": 4, "accessdenieddetail": 4, "qyapi_": 3, "subcode=": 3, "submsg": 2, "requestid": 1.5,
        "应用尚未开通所需的权限": 4, "没有调用该接口的权限": 3, "appscope": 3, "不合法的access_token": 2, "dingbot": 3, "requiredscopes": 2, "openconversationid": 2, "robotcode": 2, "suiteticket": 1,
        "pat_": 1, "cli_org_not_authorized": 4, "clientid": 0.5, "staffid": 1, "不合法的appkey": 2, "corpsecret": 0.5, "invalidclientidorsecret": 4,
        "forbidden.accessdenied": 4, "server_error_code": 2, "mcp": 0.5, "topsdk": 2, "钉盘": 2, "sessionwebhook": 3, "session webhook": 3, "sendbysession": 3, "dd error": 3, "jsapi": 0.5, "宜搭": 3, "ai表格": 2, "notable": 1.5, "outgoing": 1, "互动卡片": 1.5, "dws ": 2, "stream模式": 2, "stream mode": 1, "自定义机器人": 1, "工作通知": 2, "oapi": 2,
        "酷应用": 3, "coolapp": 3, "dd.error": 3, "dd.config": 3, "dd.ready": 3, "dd.runtime": 3, "corpid=ding": 3, 'corpid":"ding': 3,
    },
    keys={
        "xacsrequestid": REQUEST_ID, "xacstraceid": REQUEST_ID, "accessdenieddetail": NEED, "topcode": CODE, "clientid": APP, "submessage": MESSAGE, "xcatraceid": REQUEST_ID,
        "friendlyhint": MESSAGE,
    },
    code_keys={"errcode": 2, "subcode": 2, "code": 1, "servererrorcode": 3, "upstreamcode": 3, "errorcode": 1, "topcode": 3},
    siblings={("errcode", "errmsg~zh"): 2.2, ("errcode", "errmsg~en"): 1.4, ("errcode", "errmsg"): 1.5, ("code", "requestid"): 2.0, ("errcode", "requestid"): 3.0},
    number=lazy(r"-?[1-9]\d{0,7}"),
    word=lazy(r"[A-Za-z]{2,30}(?:\.[A-Za-z]{2,40}){1,5}|[a-z]{2,20}[A-Z][A-Za-z]+|[A-Z][a-z]+[A-Z][A-Za-z]+|[A-Z]{2,20}(?:_[A-Z0-9]{1,20}){1,7}|unauthorized|accessDenied"),
    known_word_keys=frozenset({"error"}),
    word_keys=frozenset({"code", "servererrorcode", "upstreamcode", "errorcode", "errcode", "errno", "subcode"}),
    refuse=lazy(r"[A-Z0-9]+|(?:HTTP|API|ERR|APP|MCP|NET|E)_[A-Z0-9_]+|(?!(?:unknown|system)Error)[A-Za-z]*(?:Error|Exception)|system\.[a-z.]+|com\..*|java\..*"),
    patterns=(
        pattern("sub", r"\bsub_?code[\"']?\s?[=:]\s?[\"']?(?P<sub_code>\d{2,7})"),
        pattern("tea", r"\[(?P<code>[A-Z][A-Za-z]{3,40})\] ?Tea"),
        pattern("dingtalk", r"\bDINGTALK_(?P<code>\d{2,7})\b"),
        pattern("dingtalk", r"\bDingTalk(?:Api)?(?:Error|Exception)\((?P<code>\d{2,7})\b"),
        pattern("errormessage", r"[\"']?errorMessage[\"']?\s?[:=]\s?[\"'](?P<code>\d{3,6})[,:]"),
        pattern("ding talk error", r"(?<![\d.])(?P<code>88)[ ,:]{1,3}ding ?talk error"),
        pattern("code ", r"\bcode (?P<code>CLI_[A-Z_]{4,60}|PAT_[A-Z_]{4,60})\b"),
        pattern("requestid", r"\brequest_?id[\"' :=]{1,4}(?P<request_id>[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12})"),
        pattern("request id", r"\brequest id[\"' :=]{1,4}(?P<request_id>[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12})"),
        pattern("content=", r"appscope/apply\?content=(?P<app>ding\w{4,40})(?:%23|#)(?P<scope>[A-Za-z][\w.]{3,80})"),
        pattern("permission", r"\bmissing permissions?:? (?P<scope>qyapi_\w{3,60}|[A-Z]\w+(?:\.[A-Z]\w+){1,4})"),
    ),
    id_shape=lazy(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[0-9a-z]{10,16}|[0-9a-f]{30,32}|req-[\w-]{1,40}"),
    # Upper case and a time-ordered UUID: no other platform's ids look so.
    id_bare=lazy(r"[0-9A-F](?<![0-9A-Za-z_-].)[0-9A-F]{7}-[0-9A-F]{4}-7[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}(?![0-9A-Za-z_-])"),
    id_keys=frozenset({"requestid", "xacsrequestid", "xacstraceid", "traceid", "reqid", "rid", "xcatraceid", "xrequestid"}),
    app_shape=lazy(r"ding[0-9a-z]{12,32}|suite[0-9a-z]{12,32}"),
    scope=lazy(r"(?<![\w./:-])(?:qyapi_[a-z][a-z_0-9]{2,60}|[A-Z][A-Za-z0-9]{1,30}(?:\.[A-Za-z][A-Za-z0-9]{1,40}){1,4}(?<!\.java)|[a-z][a-z_.]{1,30}:[a-z][a-z_.-]{1,30})(?![\w/(])", re.A),
    ask_path=lazy(r"/appscope/apply"),
    ask_keys=("content",),
    brands={
        "api.dingtalk.com": "dingtalk", "oapi.dingtalk.com": "dingtalk", "open.dingtalk.com": "dingtalk", "open-dev.dingtalk.com": "dingtalk",
        "login.dingtalk.com": "dingtalk",
    },
)  # fmt: skip
