from tests.node.api.conftest import seizure
def test_try(call, released, home):
    for m, p, r in [("GET","/api/v1/records","officer"),("GET",f"/api/v1/records/{released}","officer"),("GET",f"/api/v1/records/{released}/recipients","officer"),
      ("GET",f"/api/v1/records/{released}/explain?recipient=TZ","auditor"),("GET","/api/v1/drafts","contact-point"),("GET","/api/v1/peers","admin"),("GET","/api/v1/receipts","admin"),
      ("GET","/api/v1/quarantine","admin"),("GET","/api/v1/policy","admin"),("GET","/api/v1/disclosures","auditor"),("GET","/api/v1/node","admin"),("GET","/health/live",None),("GET","/health/ready",None),
      ("GET","/nowhere",None),("GET","/api/v1/records?colour=red","officer"),("GET","/api/v1/records?limit=900","officer"),("GET","/api/v1/records?words=ete&hs=64&brand=LOUIS vuitton&destination=tz","officer"),
      ("POST","/api/v1/records","officer"),("GET","/api/v1/records/abc","officer"),("GET","/api/v1/records",None),("GET","/api/v1/records","admin"),("POST","/api/v1/quarantine/3/retry","admin")]:
        a = call(m,p,role=r)
        print(m,p,r,a.status_code,a.text[:700], a.headers if a.status_code>400 else "")
    for t in ["country='KE'", "nonsense", "x = ["]:
        a=call.post("/api/v1/policy/check", {"text":t}); print(a.status_code,a.text[:600])
    a=call.post("/api/v1/drafts", {"kind":"seizure","groups":seizure(goods=[{"line":"1","colour":"SECRETX"}], case={"reference":"R-3","administration":"GB"})}); print(a.status_code,a.text)
    assert 0
