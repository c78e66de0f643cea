"""Feishu and Lark: `{"code":99991672,"msg":…,"error":{"log_id":…,"permission_violations":[…]}}`, log ids that begin with their time."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import APP, CODE, HINT, MESSAGE, NEED, REQUEST_ID, Spec, pattern

SPEC = Spec(
    name="lark",
    clues={
        "feishu": 4, "lark": 4, "飞书": 4, "open-apis": 4, "log_id": 3, "logid": 3, "log id": 2, "日志 id": 2, "日志id": 2, "troubleshooter": 3, "permission_violations": 4,
        "tenant_access_token": 3, "tenant access token": 3, "user_access_token": 3, "one of the following scopes is required": 4, "应用身份权限": 4, "用户身份权限": 4,
        "please request user re-authorization": 4, "action_scope_required": 4, "action_privilege_required": 4, "cli_": 3, "bascn": 3, "bitable": 3,
        "cardkit": 3, "open_chat_id": 2, "open_id": 1, "ou_": 1, "oc_": 1, "om_": 1, "no dept authority": 3, "failed to create card content": 3, "ext=": 1,
        "多维表格": 2, "云文档": 2, "长连接": 2, "client.im.": 3, "client.drive.": 3, "client.contact.": 3, "client.docx.": 3, "drive#get": 4, "扣子": 1, "incoming webhook": 2,
        "errstring": 1, "tt.requestauthcode": 3, "requestauthcode:fail": 3, "im:message": 3, "contact:user": 3, "docx:document": 3, "99991": 4, "ephemeral/v1": 3, "lark-cli": 4, "fs-cli": 2, "larksuite": 4, "妙记": 2, "im/v1": 3, "docx/v1": 3, "drive/v1": 3, "wiki/v2": 3, "contact/v3": 3, "approval/v4": 3, "calendar/v4": 3, "app_ticket": 2, "智能表格": 1, "知识库": 1, "interactive card": 1, "消息卡片": 1, "p2p_msg": 2, "im.message.": 3, "openclaw": 0.5, "helpdesk": 1, "open_department_id": 2,
    },
    keys={
        "xttlogid": REQUEST_ID, "troubleshooter": HINT, "subject": NEED, "permissionviolations": NEED, "errstring": MESSAGE, "errvalue": MESSAGE, "errorvalue": MESSAGE,
        "errmessage": MESSAGE, "bizcode": CODE, "feishucode": CODE, "larkcode": CODE, "xlogid": REQUEST_ID, "requestlogid": REQUEST_ID, "openappid": APP, "statusmessage": MESSAGE,
    },
    code_keys={"code": 1, "errno": 2, "errcode": 0, "errorcode": 1, "feishucode": 4, "larkcode": 4, "bizcode": 1},
    siblings={("code", "msg"): 3.0, ("code", "logid"): 2.0, ("errno", "errstring"): 3.0, ("statuscode", "statusmessage"): 3.0, ("code", "errordescription"): 3.0, ("code", "error"): 1.0},
    number=lazy(r"[1-9]\d{2,9}"),
    patterns=(
        pattern("errcode: ", r"\bext=ErrCode: ?(?P<sub_code>\d{3,9})"),
        pattern("errcode: ", r"\b(?-i:ErrCode): ?(?P<code>\d{3,9}); "),
        pattern("_error_code", r"\b(?:lark|feishu)_error_code[\"']?\s?[:=]\s?(?P<code>\d{4,10})"),
    ),
    id_shape=lazy(r"20\d{12}[0-9A-Za-z]{5,26}|02\d{12}[0-9A-Za-z]{10,60}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    id_bare=lazy(r"20(?<![0-9A-Za-z_]20)[12]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[0-2]\d[0-5]\d[0-5]\d(?=[0-9]{0,20}[A-Fa-f])[0-9A-Fa-f]{7,24}(?![0-9A-Za-z_])"),
    id_keys=frozenset({"logid", "xttlogid", "日志id", "reqid", "requestid", "xlogid", "requestlogid", "traceid", "xrequestid"}),
    app_shape=lazy(r"cli_[0-9a-z]{16}(?![0-9A-Za-z])"),
    scope=lazy(r"[a-z](?:(?<![A-Za-z0-9_./@:#-].)[a-z_]{1,30}+(?::[a-z][a-z_]{0,40}(?:\.[a-z][a-z_]{0,40}){0,3}){1,3}(?![A-Za-z0-9_:/(])|(?<=o)(?<![\w./:-].)ffline_access(?![\w:./-]))", re.A),
    scope_anywhere=True,
    families=True,
    ask_path=lazy(r"/app/[^/]{0,40}/auth$|/page/scope-apply|/page/launcher"),
    ask_keys=("q", "scopes", "scope"),
    brands={
        "open.feishu.cn": "feishu", "accounts.feishu.cn": "feishu", "www.feishu.cn": "feishu", "feishu.cn": "feishu",
        "open.larksuite.com": "lark", "accounts.larksuite.com": "lark", "www.larksuite.com": "lark", "larksuite.com": "lark",
    },
)  # fmt: skip
