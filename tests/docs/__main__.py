"""`python -m tests.docs`: writes anew what the pages take from the code."""

import sys

from tests.docs.made import ROOT, rewrite

sys.stdout.writelines(f"{page.relative_to(ROOT)}\n" for page in rewrite())
