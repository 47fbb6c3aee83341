using System.Net.Sockets;
using Gateway.Server.Hosting;

namespace Gateway.UnitTests.Hosting;

public sealed class UnixSocketFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-socket-").FullName;

    private string SocketPath => Path.Combine(_folder, "frames.sock");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Clear_NothingThere_DoesNothing() => UnixSocketFile.Clear(SocketPath, "--flag");

    [Fact]
    public void Clear_SocketThatNobodyListensOn_IsRemoved()
    {
        // Closing a socket removes its file where it still has its name; the file of a process that dies stays.
        using (Socket left = Listen()) File.Move(SocketPath, SocketPath + ".aside");
        File.Move(SocketPath + ".aside", SocketPath);

        UnixSocketFile.Clear(SocketPath, "--flag");

        Assert.False(Path.Exists(SocketPath));
    }

    [Fact]
    public void Clear_SocketOfAServer_IsLeftAlone()
    {
        using Socket server = Listen();

        StartupException error = Assert.Throws<StartupException>(() => UnixSocketFile.Clear(SocketPath, "--flag"));

        Assert.Equal($"--flag: cannot listen on {SocketPath}: another server listens on it", error.Message);
        Assert.True(Path.Exists(SocketPath));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Clear_FileOrFolder_IsLeftAlone(bool isFile)
    {
        if (isFile) File.WriteAllText(SocketPath, "somebody's data");
        else Directory.CreateDirectory(SocketPath);

        StartupException error = Assert.Throws<StartupException>(() => UnixSocketFile.Clear(SocketPath, "--flag"));

        Assert.Equal($"--flag: {SocketPath} is there and is not a socket of a server that has ended", error.Message);
        Assert.True(Path.Exists(SocketPath));
    }

    private Socket Listen()
    {
        Socket server = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(SocketPath));
        server.Listen();
        return server;
    }
}
