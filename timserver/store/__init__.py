"""PostgreSQL: one module per group of tables, all SQL (STYLE 9). Begin with `database.py` and `statement.py`."""
