"""Rosters over HTTP, against a server on this machine: login, CSV, redirects, a server that is down."""

from syncd.sources.csv import CsvFormat
from syncd.sources.http import read_http


def test_a_roster_is_read_over_http_with_its_login(httpserver):
    httpserver.expect_request("/people", headers={"Authorization": "Bearer x"}).respond_with_json(
        [{"mail": "a@x.example"}]
    )
    read = read_http("hr", httpserver.url_for("/people"), CsvFormat(), {"Authorization": "Bearer x"}, 5)
    assert [row.text("mail") for row in read.rows] == ["a@x.example"]


def test_a_csv_answer_is_read_as_csv(httpserver):
    httpserver.expect_request("/people").respond_with_data(
        "mail\na@x.example\n", content_type="text/csv; charset=utf-8"
    )
    assert (
        read_http("hr", httpserver.url_for("/people"), CsvFormat(), {}, 5).rows[0].text("mail")
        == "a@x.example"
    )


def test_a_redirect_is_not_followed_because_it_would_carry_the_login(httpserver):
    httpserver.expect_request("/people").respond_with_data(
        "", status=302, headers={"Location": "https://other.example/"}
    )
    read = read_http("hr", httpserver.url_for("/people"), CsvFormat(), {}, 5)
    assert "answers 302 FOUND" in str(read.problems[0])


def test_a_server_that_is_down_is_a_problem(httpserver):
    httpserver.stop()
    assert "cannot be read" in str(read_http("hr", httpserver.url_for("/"), CsvFormat(), {}, 5).problems[0])
    httpserver.start()
