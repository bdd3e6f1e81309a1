import json
def show(r):
    print(r.status_code, r.headers.get("Content-Type"), json.dumps(r.json(), indent=1)[:3000] if r.content else "")
def test_all(owner, outsider):
    a=owner.api
    r=a.post("/api/v1/jobs", {"name":"nightly","type":"http","payload":{"url":"https://example.com/x","headers":{"A":"b"}},"tags":["x","y"],
      "schedules":[{"kind":"cron","expression":"30 2 * * 1-5","timezone":"Europe/Berlin"},{"kind":"interval","interval_seconds":60}]})
    show(r); j=r.json()
    for m,p,b in [("get","/api/v1/jobs",None),("patch","/api/v1/jobs/nightly",{"payload":{"method":"POST","headers":{"A":None,"B":"c"}},"max_running":2}),
      ("get","/api/v1/jobs/nightly/revisions",None),("get","/api/v1/jobs/nightly/next",None),("post","/api/v1/jobs/nightly/trigger",{"payload":{"body":{"x":1}}}),
      ("get","/api/v1/executions",None),("post","/api/v1/jobs/nightly/disable",{}),("post","/api/v1/jobs/nightly/trigger",{}),("post","/api/v1/jobs/nightly/activate",{}),
      ("get","/api/v1/schedules",None),("get","/api/v1/job-types/dummy",None),("get","/api/v1/queues",None),("get","/api/v1/workers",None),("get","/api/v1/api-keys",None),
      ("post","/api/v1/schedules/preview",{"kind":"cron","expression":"30 2 * * *","timezone":"Europe/Berlin","after":"2027-03-27T00:00:00Z"}),
      ("post","/api/v1/jobs",{"name":"n2","type":"http","payload":{"expected_status":["x",99],"zz":1}}),
      ("post","/api/v1/jobs",{"name":"n2","type":"http","payload":{"expected_status":["x",99]},"schedules":[{"kind":"cron","expression":"99 * * * *"}]}),
      ("post","/api/v1/jobs",{"name":"n2","type":"dummy","schedules":[{"kind":"cron","expression":"99 * * * *"}]}),
      ("post","/api/v1/jobs",{"name":"n2","type":"dummy","schedules":[{"kind":"cron","expression":"* * * * *", "timezone":"x","bla":1}]}),
      ("post","/api/v1/jobs",{"name":"nightly","type":"dummy"}),
      ("get","/health",None),("get","/health/live",None),("get","/health/ready",None),("delete","/api/v1/jobs/nightly",None),
      ]:
        print(m,p,b); show(a.send(m,p,b))
    print(a.get("/metrics").content.decode())
    r=a.get("/api/v1/openapi.json"); print(r.status_code, len(r.content))
    r=a.get("/api/v1/docs"); print(r.status_code, r.content.decode()[:1500])
    assert 0
