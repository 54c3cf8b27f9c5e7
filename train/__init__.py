"""Turns datasets into models."""
