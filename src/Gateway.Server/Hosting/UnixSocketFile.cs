using System.Net.Sockets;

namespace Gateway.Server.Hosting;

/// <summary>The file of a Unix domain socket, which outlives the server that made it.</summary>
internal static class UnixSocketFile
{
    /// <summary>Removes what a server left that is not there any more.</summary>
    /// <exception cref="StartupException">The file is something else, or a server listens on it.</exception>
    public static void Clear(string path, string flag)
    {
        if (!Path.Exists(path)) return;
        try
        {
            using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused && !File.GetAttributes(path).HasFlag(FileAttributes.Directory) && new FileInfo(path).Length == 0)
        {
            // Nobody listens. A file that is not a socket refuses too, so one with content is left alone.
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            throw new StartupException($"{flag}: {path} is there and is not a socket of a server that has ended");
        }

        throw new StartupException($"{flag}: cannot listen on {path}: another server listens on it");
    }
}
