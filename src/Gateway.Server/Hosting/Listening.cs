using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Hosting;

/// <summary>Turns what Kestrel throws when it cannot listen into one line that names the flag.</summary>
internal static class Listening
{
    /// <param name="asked">The addresses asked for, each with the flag that sets it; an empty one was not.</param>
    public static async Task OrExplain(Task start, IReadOnlyList<(string Address, string Flag)> asked)
    {
        try
        {
            await start.ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // Kestrel names the address in its text alone.
            (string address, string flag) = asked.FirstOrDefault(each => each.Address.Length > 0 && exception.Message.Contains(each.Address, StringComparison.Ordinal), asked[0]);
            string reason = InUse(exception) ? "the port is in use" : exception is SocketException socket ? Reason(socket.SocketErrorCode) : exception.Message;
            throw new StartupException($"{flag}: cannot listen on {address}: {reason}", exception);
        }
    }

    private static bool InUse(Exception exception) =>
        exception.InnerException is AddressInUseException || exception is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse };

    private static string Reason(SocketError error) => error switch
    {
        SocketError.AccessDenied => "permission denied (ports below 1024 are privileged)",
        SocketError.AddressNotAvailable => "this machine has no such address",
        SocketError.AddressFamilyNotSupported => "this machine has no such kind of address (IPv6?)",
        _ => error.ToString(),
    };
}
