"""Tells people what has changed, once per change: by webhook, chat or e-mail.

What was told is remembered per target, so that one that was down is told the next time.
"""
