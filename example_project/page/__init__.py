"""The page at ``/``: the browser's part of the example, in HTML, CSS and JavaScript.

``files`` is served as it is, without a build step: ``oauth.js`` signs in, refreshes and
signs out; ``words.js`` holds the calls and what is said about claims and answers;
``main.js`` puts both on the screen.
"""
