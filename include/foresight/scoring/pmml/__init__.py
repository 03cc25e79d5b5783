"""PMML 3.x to 4.4 without a virtual machine: a model is compiled once and scores whole columns."""
