"""Rosters over HTTP, against a server on this machine: login, CSV, redirects, a server that is down."""

import pytest

from syncd.sources.csv import CsvFormat
from syncd.sources.http import HttpServer, read_http


def read(httpserver, headers=None):
    server = HttpServer(httpserver.url_for("/api"), headers or {}, timeout=60)
    return read_http("hr", server, "/people", CsvFormat())


def test_a_roster_is_read_over_http_with_its_login(httpserver):
    login = {"Authorization": "Bearer x"}
    httpserver.expect_request("/api/people", headers=login).respond_with_json([{"mail": "a@x.example"}])
    assert [row.text("mail") for row in read(httpserver, login).rows] == ["a@x.example"]
    assert "answers 500" in str(read(httpserver).problems[0])


def test_a_csv_answer_is_read_as_csv(httpserver):
    httpserver.expect_request("/api/people").respond_with_data(
        "mail\na@x.example\n", content_type="text/csv; charset=utf-8"
    )
    assert read(httpserver).rows[0].text("mail") == "a@x.example"


def test_a_redirect_is_not_followed_because_it_would_carry_the_login(httpserver):
    httpserver.expect_request("/api/people").respond_with_data(
        "", status=302, headers={"Location": "https://other.example/"}
    )
    assert "answers 302 FOUND" in str(read(httpserver).problems[0])


def test_a_server_that_is_down_is_a_problem():
    server = HttpServer("http://127.0.0.1:1/api")
    assert "cannot be read" in str(read_http("hr", server, "/people", CsvFormat()).problems[0])


def test_a_file_of_certificates_that_is_not_there_is_a_problem(httpserver):
    server = HttpServer(httpserver.url_for("/"), ca="/none/ca.pem")
    assert "cannot be read" in str(read_http("hr", server, "people", CsvFormat()).problems[0])


@pytest.mark.parametrize("path", ["people", "/people", "//people"])
def test_a_path_never_leads_to_another_server(path):
    assert HttpServer("https://hr.example/api/").at(path) == "https://hr.example/api/people"
