-- One generator for every contestant: rotates over the tokens and over millions of recipients.
-- wrk … -- KIND TOKENS SEED DELAY_MS IDS
--   KIND      send, bulk, read or kannel
--   TOKENS    a file with one access token a line, for read with a path after each; "-" for Kannel,
--             which takes a password
--   SEED      a number; another one gives other recipients
--   DELAY_MS  mean pause of a connection before each request; 0 for none
--   IDS       a file that takes the queue_id of every answer; "-" for none

local TEXT = "Order 48213 has left our warehouse and will reach you tomorrow between nine and eleven in the morning"
local BULK_NUMBERS = 200
local KANNEL = "GET /cgi-bin/sendsms?username=bench&password=bench&from=12345&to="

-- South African mobiles whose last four digits the sandbox gives no special fate.
local function number_with(last)
  return string.format("2782%03d%04d", math.random(0, 999), 2000 + last % 7000)
end

local function number()
  return number_with(math.random(0, 6999))
end

local function read_lines(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

local function heads(path, tokens)
  local made = {}
  for i, token in ipairs(tokens) do
    made[i] = "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      .. "Authorization: Bearer " .. token .. "\r\nContent-Length: "
  end
  return made
end

local function post(path, tokens, body)
  local made, turn = heads(path, tokens), 0
  return function()
    turn = turn % #made + 1
    local content = body()
    return made[turn] .. #content .. "\r\n\r\n" .. content
  end
end

local function single_body()
  return '{"number":"' .. number() .. '","message":"' .. TEXT .. '"}'
end

local function bulk_body()
  local numbers, first = {}, math.random(0, 6999)
  -- Each of a request's numbers ends differently: one given twice would be sent once.
  for i = 1, BULK_NUMBERS do numbers[i] = '"' .. number_with(first + i) .. '"' end
  return '{"numbers":[' .. table.concat(numbers, ",") .. '],"message":"' .. TEXT .. '"}'
end

local function kannel()
  local tail = "&text=" .. TEXT:gsub(" ", "+") .. " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
  return function() return KANNEL .. number() .. tail end
end

local function gets(lines)
  local made = {}
  for i, line in ipairs(lines) do
    local token, path = line:match("^(%S+) (%S+)$")
    made[i] = "GET " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
      .. token .. "\r\n\r\n"
  end
  return function() return made[math.random(#made)] end
end

local function pause(mean)
  return function() return math.random(0, 2 * mean) end
end

local function note_ids(path)
  local file = assert(io.open(path, "w"))
  return function(status, _, body)
    if status == 200 then
      file:write(body:match('"queue_id":"([^"]+)"'), "\n")
      file:flush()
    end
  end
end

function init(args)
  local kind, tokens, delay_ms = args[1], args[2], tonumber(args[4])
  math.randomseed(tonumber(args[3]))
  if kind == "kannel" then
    request = kannel()
  elseif kind == "bulk" then
    request = post("/api/messages/send-bulk-message", read_lines(tokens), bulk_body)
  elseif kind == "read" then
    request = gets(read_lines(tokens))
  else
    request = post("/api/messages/send-message", read_lines(tokens), single_body)
  end
  if delay_ms > 0 then delay = pause(delay_ms) end
  if args[5] ~= "-" then response = note_ids(args[5]) end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
