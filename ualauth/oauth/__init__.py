"""OAuth 2 tokens: their keys, their claims, and issuers that are asked."""
