"""The one client of OpenAI-compatible servers: retries, a rate, a cache, a price; keys stay in the environment.

    with Client(Endpoint(url="http://127.0.0.1:8000/v1", model="base"), cache=Path("answers.sqlite")) as client:
        for answer in client.ask([chat([{"role": "user", "content": "Hello"}], max_tokens=20)]):
            print(answer.text if answer.error is None else answer.error)

A request that fails after all attempts is an answer with an `error`, so that whoever asked counts it apart; what makes
every request fail (no key, no such model) is a UserError at once.
"""

from workbench.endpoints.account import Account, Forecast, forecast
from workbench.endpoints.answers import Answer
from workbench.endpoints.client import Client
from workbench.endpoints.settings import Endpoint, Price, Request, chat, completion

__all__ = ["Account", "Answer", "Client", "Endpoint", "Forecast", "Price", "Request", "chat", "completion", "forecast"]
