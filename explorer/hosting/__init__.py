"""What an app that is open to strangers allows: limits from IRI_HOSTED or a TOML file."""

from explorer.hosting.reading import check_hosting, hosting, lift_limits
from explorer.hosting.settings import Hosting

__all__ = ["Hosting", "check_hosting", "hosting", "lift_limits"]
