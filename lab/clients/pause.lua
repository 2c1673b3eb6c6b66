-- Milliseconds that each connection of wrk waits before a request.
function delay()
    return 10
end
