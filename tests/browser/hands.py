"""What a person does on pages, counted."""

from collections.abc import Sequence

from playwright.sync_api import Locator, Page

TABS = 200  # to the last control of the longest page


class Hands:
    """`clicks` of the mouse, taps, or Enter; `keys` pressed; `texts` typed, chosen or attached.

    keyboard: everything is reached with Tab alone, as somebody does who has no mouse. Tabs are not counted.
    """

    def __init__(self, page: Page, *, keyboard: bool = False) -> None:
        self.page, self.keyboard = page, keyboard
        self.clicks = self.keys = self.texts = 0

    def click(self, target: Locator) -> None:
        if self.keyboard:
            self.reach(target)
            self.page.keyboard.press("Enter")
        else:
            target.click()
        self.clicks += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.texts += 1

    def fill(self, target: Locator, text: str) -> None:
        """Type into a field, or choose by typing what an option begins with."""
        if self.keyboard:
            self.reach(target)
            self.type(text)
        elif target.evaluate("field => field.tagName") == "SELECT":
            target.select_option(text)
            self.texts += 1
        else:
            target.fill(text)
            self.texts += 1

    def attach(self, target: Locator, files: Sequence[str]) -> None:
        """Choose files in the dialog that the field opens."""
        with self.page.expect_file_chooser() as dialog:
            self.click(target)
        dialog.value.set_files(files)
        self.texts += 1

    def reach(self, target: Locator) -> None:
        """Press Tab until the target has the focus; fails when it never does."""
        target.wait_for()
        for _tab in range(TABS):
            if target.evaluate("target => target === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} is not reached by Tab")

    def counted(self) -> tuple[int, int, int]:
        """Clicks, keys and texts since the last time."""
        counted = self.clicks, self.keys, self.texts
        self.clicks = self.keys = self.texts = 0
        return counted
