using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Hosting;

/// <summary>Turns what Kestrel throws when it cannot listen into one line that names the flag.</summary>
internal static class Listening
{
    /// <param name="address">The address asked for, for people.</param>
    /// <param name="flag">The flag that sets the port.</param>
    public static async Task OrExplain(Task start, string address, string flag)
    {
        try
        {
            await start.ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
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
