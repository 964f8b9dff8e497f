"""syncd keeps a company's appointments equal in its CRM and in everybody's calendars."""

__version__ = "0.1.0"
