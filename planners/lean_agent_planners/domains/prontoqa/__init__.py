"""PrOntoQA: is a statement true or false, by a chain of rules?"""
