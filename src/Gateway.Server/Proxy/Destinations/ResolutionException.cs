namespace Gateway.Server.Proxy.Destinations;

/// <summary>The addresses of a destination could not be found; the message is one line that says why.</summary>
internal sealed class ResolutionException(string message, Exception? inner = null) : Exception(message, inner);
