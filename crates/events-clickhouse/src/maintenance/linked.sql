-- The visitors that `$identify` events of a user name.
SELECT DISTINCT anonymous_id
FROM events
WHERE project = {project:String}
    AND env = {env:String}
    AND user_key = toFixedString(unhex({user:String}), 16)
    AND event_name = '$identify'
    AND toUnixTimestamp64Milli(timestamp) < {at:Int64}
