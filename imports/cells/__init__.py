"""How people and spreadsheets write days, numbers, choices, countries and currencies: pure, values in and values out."""
