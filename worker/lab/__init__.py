"""Offline work: training and measuring detectors."""
