-- Takes one token from each bucket, or none at all if one of them is empty, by the rule of tenants/rules/rates.py.
--
-- KEYS     the buckets. Each holds "<tokens left> <microseconds since 1970>" and expires when it would be full.
-- ARGV[1]  the time in microseconds, for tests; empty for this server's clock
-- ARGV     then for each bucket: its burst, and its tokens per microsecond
-- Returns, for each bucket: whole tokens left, microseconds until it is full, microseconds until it holds one.

local now = tonumber(ARGV[1])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000000 + clock[2]
end

local tokens, empty = {}, false
for i, key in ipairs(KEYS) do
  local burst, flow = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local left, at = string.match(redis.call('GET', key) or '', '^(%S+) (%S+)$')
  tokens[i] = left and math.min(burst, left + math.max(now - at, 0) * flow) or burst
  empty = empty or tokens[i] < 1
end

local answer = {}
for i, key in ipairs(KEYS) do
  local burst, flow = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local wait = math.ceil(math.max(1 - tokens[i], 0) / flow)
  if not empty then
    tokens[i] = tokens[i] - 1
    local full = math.ceil((burst - tokens[i]) / flow / 1000)
    redis.call('SET', key, string.format('%.17g %.0f', tokens[i], now), 'PX', full)
  end
  answer[#answer + 1] = math.floor(tokens[i])
  answer[#answer + 1] = math.ceil((burst - tokens[i]) / flow)
  answer[#answer + 1] = wait
end
return answer
