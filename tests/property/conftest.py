"""Nothing real or fake: settings for hypothesis. The machine may be busy; no example fails for being slow."""

import hypothesis

hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")
