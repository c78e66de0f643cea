"""Whose words a text speaks: the small model of words, as it is shipped and on pastes that it has not seen."""

from __future__ import annotations

import pytest

from bot.catalog import catalog
from bot.extract import extract
from bot.extract.whose import whose, words


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("invalid permissions requested: bot token scopes of the workspace", "slack"),
        ("审批定义创建失败，部门负责人在多维表格里", "lark"),
    ],
)
def test_words_tell_whose_they_are(text: str, platform: str) -> None:
    """A text that names nobody still sounds like one platform."""
    name, likely = whose(text)
    assert name == platform
    assert 1 / 8 < likely <= 1


def test_features_are_words_and_pairs_of_signs() -> None:
    """Latin words of three letters and more, Chinese signs by two, nothing else."""
    assert words("the id 42 群机器人") == {"the", "群机", "机器", "器人"}


def test_any_text_has_an_answer() -> None:
    """Nothing known in it: the biases alone, never an error."""
    assert 0 < whose("")[1] < 0.6


def test_pastes_unseen_are_told_apart() -> None:
    """Of pastes in a fold that taught nothing, at least 95 in 100 of those that are sure (0.7) are right."""
    pytest.importorskip("sklearn")
    import bot.extract.whose as model
    from tests.fit import whose as fit
    from tests.fit.corpus import folds, pastes

    every, fold = pastes(), folds()
    learned = fit.fit(every, [each != 0 for each in fold])
    held = [paste for paste, each in zip(every, fold, strict=True) if each == 0 and paste.is_error and paste.scored]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_model", lambda: learned)
        sure = [(whose(paste.text.lower()), paste.expect["platform"]) for paste in held]
    right = [name == wanted for (name, likely), wanted in sure if likely >= 0.7]
    assert len(right) >= 0.6 * len(held)
    assert sum(right) >= 0.95 * len(right)


def test_a_complaint_that_names_nobody_is_answered() -> None:
    """Asked directly, a text without a platform's name gets the platform that it sounds like, and says that it is no structured evidence."""
    (found,) = extract(
        "Login ends with: the reply address does not match, admin consent was granted for the tenant in the registration", catalog()
    )
    assert found.platform == "microsoft"
    assert found.codes == ()
