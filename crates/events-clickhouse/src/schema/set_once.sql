INSERT INTO settings (name, value)
SELECT {name:String}, {value:String}
WHERE (SELECT count() FROM settings WHERE name = {name:String}) = 0
