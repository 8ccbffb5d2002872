"""Jakarta Mail, which was JavaMail, with the SASL mechanisms of the JDK."""

from __future__ import annotations

from tests.interop.cases import (
    IMAP,
    POP3,
    SMTP,
    TWISTED_IMAP,
    TWISTED_SMTP,
    Client,
    Result,
    Trial,
    rows,
)

_JARS = "/usr/share/java/jakarta-mail.jar:/usr/share/java/jakarta-activation.jar"
_PROGRAM = """\
import jakarta.mail.*;
import jakarta.mail.internet.*;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Properties;
import javax.net.ssl.*;

public class Login {
    public static void main(String[] words) throws Exception {
        var env = System.getenv();
        var authority = KeyStore.getInstance(KeyStore.getDefaultType());
        authority.load(null);
        try (var file = new FileInputStream(env.get("AUTHORITY"))) {
            var factory = CertificateFactory.getInstance("X.509");
            authority.setCertificateEntry("ca", factory.generateCertificate(file));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(authority);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);

        String protocol = env.get("PROTOCOL"), mechanism = env.get("MECHANISM");
        String mail = "mail." + protocol + ".";
        boolean token = mechanism.equals("XOAUTH2"), command = mechanism.endsWith("command");
        boolean sasl = mechanism.equals("CRAM-MD5"), user = mechanism.equals("USER");
        var properties = new Properties();
        properties.put("mail.debug.auth", "true");
        properties.put("mail.transport.protocol", protocol);
        properties.put(mail + "host", env.get("HOST"));
        properties.put(mail + "port", env.get("PORT"));
        properties.put(mail + "auth", "true");
        properties.put(mail + "ssl.socketFactory", context.getSocketFactory());
        properties.put(mail + "ssl.checkserveridentity", "true");
        boolean implicit = env.get("TLS").equals("TLS");
        properties.put(mail + (implicit ? "ssl.enable" : "starttls.enable"), "true");
        properties.put(mail + "starttls.required", String.valueOf(!implicit));
        if (sasl) {
            properties.put(mail + "sasl.enable", "true");
            properties.put(mail + "sasl.mechanisms", mechanism);
        }
        // What it calls LOGIN in POP3 is USER and PASS.
        String name = sasl || command ? "NONE" : user ? "LOGIN" : mechanism;
        properties.put(mail + "auth.mechanisms", name);
        var session = Session.getInstance(properties);
        session.setDebug(true);
        session.setDebugOut(System.out);
        String secret = env.get(token ? "TOKEN" : "PASSWORD");
        if (protocol.equals("smtp")) {
            var message = new MimeMessage(session);
            message.setFrom("js@example.com");
            message.setRecipients(Message.RecipientType.TO, "ann@example.com");
            message.setText("hi");
            Transport.send(message, env.get("LOGIN"), secret);
        } else {
            try (var store = session.getStore(protocol)) {
                store.connect(env.get("LOGIN"), secret);
                var inbox = store.getFolder("INBOX");
                inbox.open(Folder.READ_ONLY);
            }
        }
    }
}
"""


def run(trial: Trial) -> Result:
    """Log in by one mechanism."""
    env = {**trial.environment, "PROTOCOL": trial.row.protocol.scheme}
    # The heap of many at once is bounded.
    words = ("java", "-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", _JARS)
    return trial.run(*words, trial.file("Login.java", _PROGRAM), env=env)


CLIENT = Client(
    "Jakarta Mail",
    "libjakarta-mail-java",
    [
        *rows(SMTP, "XOAUTH2", gives_up_at="334"),
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "PLAIN", tls="TLS"),
        *rows(TWISTED_SMTP, "CRAM-MD5", "LOGIN"),
        *rows(IMAP, "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN", "LOGIN command"),
        *rows(IMAP, "PLAIN", tls="TLS"),
        *rows(TWISTED_IMAP, "CRAM-MD5", "LOGIN command"),
        *rows(POP3, "PLAIN", "XOAUTH2", "USER"),
        *rows(POP3, "USER", tls="TLS"),
    ],
    run,
)
