"""The whole of the thinking in one call: redact → read → diagnose. What every door, the command line and the tests use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot import platforms
from bot.catalog import Catalog
from bot.catalog import catalog as shipped
from bot.diagnose import diagnose
from bot.diagnose.support_bundle import with_bundle
from bot.extract import extract
from bot.extract.signals import weights
from bot.i18n import listed, say
from bot.model import Diagnosis, Facts, Finding, Locale, Text
from bot.patterns import lazy
from bot.redact import Redaction, redact

_CHINESE = lazy(r"[\u3400-\u9fff]")
_LETTERS = lazy(r"[A-Za-z]+")
_SUCCESS = lazy(r'"?(?:err)?code"?\s*[:=]\s*"?0\b|"ok"\s*:\s*true|"result"\s*:\s*1\b', re.IGNORECASE)
_BINARY = lazy(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\ufffd]")
_DOCUMENT = lazy(r"\.(?:feishu\.cn|larksuite\.com|larkoffice\.com)/(?:docx?|docs|sheets?|base|wiki|file|minutes|slides|mindnotes)/\w")
_A_CODE = lazy(r"\s*[A-Z]{0,8}\d{4,12}\s*")
_SOME_ERROR = lazy(
    r"\b(?:error|exception|denied|forbidden|unauthori[sz]ed|not authori[sz]ed|expired|bad gateway)\b|报错|错误|异常|被拒绝", re.IGNORECASE
)
_SURE = 0.6  # confidence from which on a cause is hardly in doubt
_LOOKED_AT = 4_000  # characters that decide about the language, and about what to say where nothing was found


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer to a text. `why_nothing` is set exactly when there are no diagnoses: one sentence that says why."""

    redaction: Redaction
    findings: tuple[Finding, ...]
    diagnoses: tuple[Diagnosis, ...]
    locale: Locale
    why_nothing: Text | None = None

    @property
    def speaks_up(self) -> bool:
        """Whether it is sure enough to be said where nobody asked."""
        return speaks_up(self.diagnoses)


def speaks_up(diagnoses: Sequence[Diagnosis]) -> bool:
    """Whether a reading is sure enough to be told in a channel where nobody asked: somebody has this error now, and its cause is hardly in doubt."""
    first = diagnoses[0] if diagnoses else None
    return first is not None and not first.only_an_id and first.finding.has_it * min(1.0, first.confidence / _SURE) >= weights().speaks_up


def explain(text: str, *, catalog: Catalog | None = None, facts: Facts | None = None, locale: Locale | None = None) -> Explained:
    """Read a paste. `facts` is what is known beside it; `locale` the asker's language (else the paste's, else English)."""
    book = catalog or shipped()
    redaction = redact(text)
    findings = tuple(with_bundle(finding, redaction.text) for finding in extract(redaction.text, book))
    diagnoses = diagnose(findings, book, facts or Facts())
    why = None if diagnoses else why_nothing(redaction.text)
    return Explained(redaction, findings, diagnoses, locale or language(redaction.text) or "en", why)


def language(text: str) -> Locale | None:
    """The language a person wrote in: Chinese when its characters weigh as much as a third of the Latin words; None when there is neither.

    Platform messages are often English with a Chinese translation behind; a person who pastes one is taken to read Chinese.
    """
    sample = text[:_LOOKED_AT]
    chinese, latin = len(_CHINESE.findall(sample)), len(_LETTERS.findall(sample))
    if not chinese:
        return "en" if latin else None
    return "zh" if chinese * 3 >= latin else "en"


def why_nothing(text: str) -> Text:
    """Why there is nothing to diagnose in this text."""
    if not text.strip():
        return say("There is nothing to read. Paste the error that the platform sent back.")
    if len(_BINARY.findall(text[:_LOOKED_AT])) * 10 > len(text[:_LOOKED_AT]):
        return say("This does not look like text. Paste the error as text, or attach it as a .txt, .log or .json file.")
    if _SUCCESS.search(text[:_LOOKED_AT]):
        return say("The platform's answer says that the call succeeded. If something is missing, say what you expected to see.")
    return _instead(text)


def _instead(text: str) -> Text:
    """What to send instead of a text that is fit to be read and holds no error that we know."""
    if _DOCUMENT.search(text[:_LOOKED_AT]):
        return say(
            "Is it about this document? Send its link alone, or its link and one of these words: view, edit, share, comment, export, copy, "
            "print, manage_public."
        )
    if _A_CODE.fullmatch(text):
        return say("{code} is in no list of codes that I know. Paste the platform's whole answer, with its message.", code=text.strip())
    if _SOME_ERROR.search(text[:_LOOKED_AT]):
        return say(
            "This may be an error, but I recognise none of {platforms} in it. If it came from one of them, paste its whole answer: "
            "code, message and log_id.",
            platforms=listed(platforms.title(name) for name in sorted(platforms.packages())),
        )
    return say("I see no error of a platform in this text. Paste its whole answer: code, message and log_id.")
