// Runs inside the Feishu/Lark client: asks for exactly the missing scopes with requestAccess, falls back to requestAuthCode
// (errno 103 or an old SDK), and to the ordinary browser flow outside the client.
"use strict";
(() => {
  const box = document.getElementById("in-client");
  const words = JSON.parse(box.dataset.words);
  const under = document.getElementById("under");
  const form = document.getElementById("start");
  const say = (text) => { under.textContent = text; };

  function deliver(fields) {
    const back = document.createElement("form");
    back.method = "post";
    back.action = box.dataset.callback;
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      back.append(input);
    }
    document.body.append(back);
    back.submit();
  }

  // The server knows what each number means: a refusal, a missing scope, an old client.
  function failed(state, failure) {
    const number = failure.errno ?? failure.errCode;
    deliver(number === undefined ? { error: "access_denied", state } : { errno: String(number), errString: String(failure.errString ?? failure.errMsg ?? ""), state });
  }

  function authCode(start) {
    if (!window.tt || !window.tt.requestAuthCode) return toBrowser();
    window.tt.requestAuthCode({
      appId: start.app_id,
      success: (result) => deliver({ code: result.code, state: start.state, way: "auth_code" }),
      fail: (failure) => failed(start.state, failure),
    });
  }

  function toBrowser() { say(words.browser); location.replace(box.dataset.browser); }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!window.h5sdk || !window.tt) return toBrowser();
    say(words.asking);
    let start;
    try {
      const answer = await fetch(box.dataset.start, { method: "POST", headers: { Accept: "application/json", "X-In-Client": "1" } });
      start = await answer.json();
      if (!answer.ok) { say(start.error || words.failed); return; }
    } catch { say(words.failed); return; }
    window.h5sdk.error(() => authCode(start));
    window.h5sdk.ready(() => {
      if (!window.tt.requestAccess) return authCode(start);
      window.tt.requestAccess({
        appID: start.app_id,
        scopeList: start.scopes,
        state: start.state,
        success: (result) => deliver({ code: result.code, state: result.state || start.state }),
        fail: (failure) => (failure.errno === 103 ? authCode(start) : failed(start.state, failure)),
      });
    });
  });
})();
