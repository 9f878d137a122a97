"""What our agent is compared with: a plain ReAct loop, and other frameworks' agents.

They get the same model, tools, question and budget, and pay through the same meter.
"""
