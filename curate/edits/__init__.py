"""Changes of the text, recorded as spans: line rules, citation marks and personal data."""
