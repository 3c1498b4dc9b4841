from tests.dashboard_page.conftest import browser

__all__ = ["browser"]
