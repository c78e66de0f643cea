"""Sample diagnoses for every kind of card, built by hand: what the drawing room is tested with, whatever the thinking rooms do."""

from __future__ import annotations

from dataclasses import replace

from bot.model import (
    Cause,
    Choice,
    ConsentView,
    Diagnosis,
    Finding,
    Identity,
    Link,
    Mode,
    Offer,
    Proof,
    Rival,
    Step,
    StepState,
    SupportItem,
    Text,
    Who,
)

FEISHU, DINGTALK, KUAISHOU, SLACK = Text("Feishu", "飞书"), Text("DingTalk", "钉钉"), Text("Kuaishou", "快手"), Text("Slack", "Slack")


def lark_user_scope() -> Diagnosis:
    """Feishu 99991679: the user has not agreed; the app is configured, so a consent can be offered."""
    console = Link(
        "console",
        "https://open.feishu.cn/app/cli_a90bee6e8d781bd1/auth?q=sheets:spreadsheet:write_only&op_from=openapi&token_type=user",
        Text("Open permissions", "打开权限管理"),
    )
    docs = Link(
        "docs", "https://open.feishu.cn/document/faq/trouble-shooting/how-to-resolve-error-99991679", Text("Documentation", "官方文档")
    )
    trouble = Link(
        "troubleshooter",
        "https://open.feishu.cn/search?from=openapi&log_id=2024110416232661C50BC902DF30E6C183&code=99991679",
        Text("Troubleshooter", "排查工具"),
    )
    return Diagnosis(
        finding=Finding(
            platform="lark",
            codes=("99991679",),
            message="Unauthorized. You do not have permission to perform the requested operation on the resource. Please request user "
            "re-authorization and try again. required one of these privileges: [sheets:spreadsheet, drive:drive, "
            "sheets:spreadsheet:write_only].应用未获取所需的用户授权：[sheets:spreadsheet, drive:drive, sheets:spreadsheet:write_only],",
            request_ids=("2024110416232661C50BC902DF30E6C183",),
            scopes=("sheets:spreadsheet", "drive:drive", "sheets:spreadsheet:write_only"),
            identity=Identity.USER,
            app_id="cli_a90bee6e8d781bd1",
            http_status=400,
            hints={"time": "2024-11-04 16:23:26 +08:00", "brand": "feishu"},
        ),
        cause=Cause.USER_SCOPE_MISSING,
        who_fixes=Who.USER,
        confidence=0.97,
        title=Text("Missing user consent", "缺少用户授权"),
        verdict=Text(
            "Your consent to sheets:spreadsheet:write_only is missing, so the app may not write to spreadsheets as you.",
            "你还没有授权 sheets:spreadsheet:write_only，应用无法以你的身份写入电子表格。",
        ),
        platform_title=FEISHU,
        choice=Choice(
            recommended=("sheets:spreadsheet:write_only",),
            reason=Text("It is the narrowest of the three that is enough.", "它是三个可选权限中范围最小、又够用的一个。"),
            alternatives=("sheets:spreadsheet", "drive:drive"),
        ),
        steps=(
            Step(
                Text(
                    "The app has sheets:spreadsheet:write_only enabled for user tokens.",
                    "应用已开通用户身份权限 sheets:spreadsheet:write_only。",
                ),
                StepState.DONE,
                Text("seen in the app's scope list a minute ago", "一分钟前在应用权限列表中确认"),
                console,
            ),
            Step(
                Text("Re-authorize, and agree to the permission on the consent page.", "重新授权，并在授权页面同意该权限。"), StepState.TODO
            ),
            Step(
                Text("Use the new token: tokens issued before never gain the permission.", "使用新的 token：旧 token 不会获得新权限。"),
                StepState.UNKNOWN,
            ),
        ),
        links=(console, docs, trouble),
        rivals=(
            Rival(
                Cause.APP_SCOPE_MISSING,
                Who.DEVELOPER,
                Text("the console shows the permission as not enabled", "开发者后台显示该权限未开通"),
            ),
        ),
        offers=(Offer("lark", "cli_a90bee6e8d781bd1", ("sheets:spreadsheet:write_only",), "Sheet Helper"),),
        notes=(Text("Earlier consents to this app stay as they are.", "之前授予该应用的权限不受影响。"),),
        support=(
            SupportItem(Text("Log id", "log_id"), "2024110416232661C50BC902DF30E6C183"),
            SupportItem(Text("App id", "应用 ID"), "cli_a90bee6e8d781bd1"),
            SupportItem(Text("Request time", "请求时间"), "2024-11-04 16:23:26 +08:00"),
            SupportItem(Text("Request body", "请求体"), None),
        ),
    )


def lark_unconfigured() -> Diagnosis:
    """The same error for an app that is not configured here: guidance, never a button."""
    base = lark_user_scope()
    return replace(
        base,
        offers=(),
        no_offer=Text(
            "This app is not connected to me, so ask its developer for a new sign-in link.",
            "该应用没有接入我，请向开发者索取新的授权链接。",
        ),
    )


def lark_which_app() -> Diagnosis:
    """No app id in the paste and two configured apps: the card asks which."""
    base = lark_user_scope()
    return replace(
        base,
        finding=replace(base.finding, app_id=None),
        offers=(
            Offer("lark", "cli_a90bee6e8d781bd1", ("sheets:spreadsheet:write_only",), "Sheet Helper"),
            Offer("lark", "cli_b00000000000000b", ("sheets:spreadsheet:write_only",), "Report Robot"),
        ),
    )


def lark_app_scope() -> Diagnosis:
    """Feishu 99991672: the developer must enable a scope; several needed at once."""
    console = Link(
        "console",
        "https://open.feishu.cn/app/cli_aafa172a51385bd1/auth?q=im:chat&token_type=tenant",
        Text("Open permissions", "打开权限管理"),
    )
    return Diagnosis(
        finding=Finding(
            platform="lark",
            codes=("99991672",),
            message="Access denied. One of the following scopes is required: [im:chat, im:chat.tabs:write_only]",
            scopes=("im:chat", "im:chat.tabs:write_only"),
            identity=Identity.APP,
            app_id="cli_aafa172a51385bd1",
        ),
        cause=Cause.APP_SCOPE_MISSING,
        who_fixes=Who.DEVELOPER,
        confidence=0.98,
        title=Text("Missing app permission", "应用未开通权限"),
        verdict=Text("The app has not been given im:chat.tabs:write_only.", "应用尚未开通 im:chat.tabs:write_only。"),
        platform_title=FEISHU,
        choice=Choice(("im:chat.tabs:write_only",), Text("It is the narrowest one.", "它的范围最小。"), ("im:chat",)),
        steps=(
            Step(
                Text("Enable im:chat.tabs:write_only for the app.", "为应用开通 im:chat.tabs:write_only。"),
                StepState.UNKNOWN,
                Text("we cannot look into this app", "无法查看该应用"),
                console,
            ),
            Step(Text("Publish a new version, so that the permission takes effect.", "发布新版本，使权限生效。"), StepState.UNKNOWN),
        ),
        links=(console,),
    )


def dingtalk_permission() -> Diagnosis:
    """DingTalk AccessTokenPermissionDenied with rivals and a support bundle with gaps."""
    docs = Link("docs", "https://open.dingtalk.com/document/orgapp-server/add-api-permission", Text("Documentation", "官方文档"))
    console = Link("console", "https://open-dev.dingtalk.com/fe/app", Text("Open developer console", "打开开发者后台"))
    return Diagnosis(
        finding=Finding(
            platform="dingtalk",
            codes=("Forbidden.AccessDenied.AccessTokenPermissionDenied",),
            message='{\n  "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied",\n'
            '  "requestid": "e64a36ef-2fb4-4bc5-bbd8-80e0f54218f9",\n  "message": "没有调用该接口的权限",\n'
            '  "accessdenieddetail": {"requiredScopes": ["Contact.User.Read"]}\n}',
            request_ids=("e64a36ef-2fb4-4bc5-bbd8-80e0f54218f9",),
            scopes=("Contact.User.Read",),
            scopes_mode=Mode.ALL,
            identity=Identity.APP,
            http_status=403,
        ),
        cause=Cause.APP_SCOPE_MISSING,
        who_fixes=Who.DEVELOPER,
        confidence=0.55,
        title=Text("Missing interface permission", "缺少接口权限"),
        verdict=Text("The app may not use Contact.User.Read yet.", "应用还不能使用 Contact.User.Read。"),
        platform_title=DINGTALK,
        choice=Choice(("Contact.User.Read",), Text("It is the only one that the answer names.", "返回结果中只列出了这一个。")),
        steps=(
            Step(Text("Search for Contact.User.Read and apply for it.", "搜索 Contact.User.Read 并申请。"), link=console),
            Step(Text("Have the organization agree to it.", "让企业完成授权。")),
        ),
        links=(console, docs),
        rivals=(
            Rival(
                Cause.TENANT_POLICY,
                Who.ORG_ADMIN,
                Text("the permission is applied for, but this organization has not agreed", "权限已申请，但该企业没有授权"),
            ),
            Rival(Cause.APP_SCOPE_MISSING, Who.DEVELOPER, Text("it fails in every organization", "所有企业都失败")),
        ),
        support=(
            SupportItem(Text("requestid", "requestid"), "e64a36ef-2fb4-4bc5-bbd8-80e0f54218f9"),
            SupportItem(Text("App key", "AppKey"), None),
            SupportItem(Text("Interface", "接口"), None),
        ),
    )


def kuaishou_scope() -> Diagnosis:
    """Kuaishou K0003: the text alone, no JSON, no id."""
    return Diagnosis(
        finding=Finding(platform="kuaishou", message="token中无scope权限", identity=Identity.USER),
        cause=Cause.USER_SCOPE_MISSING,
        who_fixes=Who.USER,
        confidence=0.8,
        title=Text("Token lacks the API's permission", "token 中无 scope 权限"),
        verdict=Text(
            "The merchant has not given the app the permission pack that this API belongs to.", "商家没有授予应用该 API 所属的权限包。"
        ),
        platform_title=KUAISHOU,
        steps=(
            Step(Text("Check that the app holds the permission pack of the API.", "确认应用已拥有该 API 所属的权限包。")),
            Step(Text("Ask the merchant to authorize the app again.", "让商家重新授权该应用。"), StepState.TODO),
        ),
        links=(Link("docs", "https://open.kwaixiaodian.com/docs/api", Text("Documentation", "官方文档")),),
    )


def slack_missing_scope() -> Diagnosis:
    """Slack missing_scope: a code that is a word."""
    return Diagnosis(
        finding=Finding(
            platform="slack",
            codes=("missing_scope",),
            message='{"ok":false,"error":"missing_scope","needed":"chat:write"}',
            scopes=("chat:write",),
            identity=Identity.APP,
            count=3,
        ),
        cause=Cause.APP_SCOPE_MISSING,
        who_fixes=Who.DEVELOPER,
        confidence=0.99,
        title=Text("Missing app permission", "应用缺少权限"),
        verdict=Text("The token lacks chat:write.", "token 缺少 chat:write。"),
        platform_title=SLACK,
        steps=(Step(Text("Add chat:write and install the app again.", "添加 chat:write 并重新安装应用。"), StepState.TODO),),
    )


def document_access() -> Diagnosis:
    """Scopes in order, document not shared: the owner must act."""
    return Diagnosis(
        finding=Finding(
            platform="lark",
            codes=("1063001", "403"),
            message="no permission",
            resource="doccnBKgoMyY5OMbUG6Fioabcef",
            identity=Identity.USER,
        ),
        cause=Cause.RESOURCE_PERMISSION,
        who_fixes=Who.RESOURCE_OWNER,
        confidence=0.9,
        title=Text("No access to this document", "没有该文档的权限"),
        verdict=Text(
            "The document doccnBKgoMyY5OMbUG6Fioabcef is not shared with this account.",
            "文档 doccnBKgoMyY5OMbUG6Fioabcef 没有分享给该账号。",
        ),
        platform_title=FEISHU,
        steps=(Step(Text("Ask the owner to share the document.", "请文档所有者分享。"), StepState.TODO),),
        links=(
            Link(
                "docs",
                "https://open.feishu.cn/document/server-docs/docs/permission/permission-member/auth",
                Text("Documentation", "官方文档"),
            ),
        ),
    )


def rate_limit() -> Diagnosis:
    """Nobody has to act."""
    return Diagnosis(
        finding=Finding(platform="lark", codes=("99991400",), message="request trigger frequency limit", http_status=429),
        cause=Cause.RATE_LIMITED,
        who_fixes=Who.NOBODY_RETRY,
        confidence=0.99,
        title=Text("Too many calls", "调用过于频繁"),
        verdict=Text("The app called more often than allowed.", "应用的调用次数超过了限制。"),
        platform_title=FEISHU,
        steps=(
            Step(Text("Wait for the seconds named in the answer's header, then go on slower.", "按响应头中的秒数等待，然后降低调用频率。")),
        ),
    )


def platform_trouble() -> Diagnosis:
    """Only the platform's support can help."""
    return Diagnosis(
        finding=Finding(
            platform="dingtalk", codes=("ServiceUnavailable",), message="service unavailable", request_ids=("A1B2C3D4",), http_status=503
        ),
        cause=Cause.SERVER_ERROR,
        who_fixes=Who.PLATFORM_SUPPORT,
        confidence=0.7,
        title=Text("Trouble at the platform", "平台故障"),
        verdict=Text("The platform could not answer.", "平台没有正常响应。"),
        platform_title=DINGTALK,
        support=(SupportItem(Text("requestid", "requestid"), "A1B2C3D4"),),
    )


def admin_approval() -> Diagnosis:
    """The organization's administrator must approve."""
    return replace(
        lark_app_scope(),
        who_fixes=Who.ORG_ADMIN,
        title=Text("Waiting for approval", "等待管理员审批"),
        verdict=Text("The new version waits for an administrator.", "新版本正在等待管理员审批。"),
    )


DIAGNOSES = {
    "lark-user-scope": lark_user_scope,
    "lark-unconfigured": lark_unconfigured,
    "lark-which-app": lark_which_app,
    "lark-app-scope": lark_app_scope,
    "lark-admin-approval": admin_approval,
    "lark-document": document_access,
    "lark-rate-limit": rate_limit,
    "dingtalk-permission": dingtalk_permission,
    "dingtalk-trouble": platform_trouble,
    "kuaishou-scope": kuaishou_scope,
    "slack-missing-scope": slack_missing_scope,
}


def consents() -> dict[str, ConsentView]:
    """One view for every state of the consent table."""
    want = ("sheets:spreadsheet:write_only",)
    proof = Proof(True, Text("the granted scopes hold sheets:spreadsheet:write_only", "授权结果包含 sheets:spreadsheet:write_only"))
    no_proof = Proof(None, Text("The live check could not be made yet.", "暂时无法做实际验证。"))

    def made(state: str, en: str, zh: str, **more: object) -> ConsentView:
        return ConsentView(state, Text(en, zh), scopes=want, app_name="Sheet Helper", **more)  # type: ignore[arg-type]

    views = [
        made("offered", "Your personal link is ready.", "你的专属链接已准备好。"),
        made("started", "Finish on the page that opened.", "请在打开的页面完成授权。"),
        made("authorized", "The answer came back; checking it.", "已收到授权结果，正在核对。", account="Alice"),
        made("granted", "You agreed; now testing the call.", "你已同意，正在验证调用。", account="Alice", granted=want, proof=no_proof),
        made("proven", "The call would work now.", "现在可以正常调用了。", account="Alice", granted=want, proof=proof),
        made("refused", "You said no, and nothing was changed.", "你拒绝了授权，没有任何改动。", may_retry=True),
        made(
            "wrong_account", "Another account agreed; it was discarded.", "授权的是另一个账号，结果已丢弃。", account="Bob", may_retry=True
        ),
        made("insufficient", "Something is still missing.", "授权还不够。", account="Alice", missing=want, may_retry=True),
        made("expired", "The link is too old.", "链接已过期。", may_retry=True),
        made("superseded", "A newer card goes on with this.", "已由新的卡片继续处理。"),
        made("failed", "The platform did not answer.", "平台没有响应。", may_retry=True),
        made("revoked", "The consent was withdrawn.", "授权已撤回。", account="Alice"),
    ]
    return {view.state: view for view in views}
