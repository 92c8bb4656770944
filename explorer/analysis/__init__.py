"""The use cases as functions: make IRIs, compare networks by them, judge them against a null."""
