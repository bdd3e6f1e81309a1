"""Rows as a document that people read: PDF, spreadsheet, CSV, HTML. What is in a cell is never more than a text."""
