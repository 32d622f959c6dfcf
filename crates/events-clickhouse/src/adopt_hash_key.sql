-- The first one that was set counts, so this one is set before it.
INSERT INTO settings (name, value, set_at)
SELECT 'key', {key:String}, min(set_at) - INTERVAL 1 SECOND FROM settings
